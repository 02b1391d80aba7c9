"""The words of column and table names, by what they say: lexicon.toml.

Tags of lexicon.toml. A word can have several; the table decides.

    email … free text                  a class: see `classes`
    *_person, region, text_weak,       a class only in a table about people, or with a word about people
    secret_auth
    name                               a name of whatever the table or another word is about
    person, contact                    people; words that make an address or a name a person's (`shipping`)
    org, place, thing, talk, auth,     what a table is about: companies, places, things, communication,
    order                              logins, transactions
    flag, tail                         the column describes something else: `is_…`, `…_count`, `…_sent_at`
    number, join                       words without a meaning of their own
    neutral                            phrases that are never personal: `host name`
"""

import tomllib
import unicodedata
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files

_LETTERS = str.maketrans({"ß": "ss", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "ı": "i", "œ": "oe"})
_DIGRAPHS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ø": "oe", "å": "aa", "æ": "ae"})
_SINGLE = str.maketrans({"ø": "o", "æ": "a"})

# Words of the lexicon that are too often a part of other words.


@dataclass(frozen=True)
class Lexicon:
    """`tags` maps a phrase, as a tuple of words, to its tags; `lists` are the lists that rules name."""

    tags: dict[tuple[str, ...], frozenset[str]]
    lists: dict[str, frozenset[str]]

    @cached_property
    def words(self) -> frozenset[str]:
        return frozenset(word for phrase in self.tags for word in phrase)

    @cached_property
    def longest(self) -> int:
        return max(map(len, self.tags))


def fold(text: str) -> str:
    """Return the text in lowercase and without accents."""
    plain = unicodedata.normalize("NFKD", text.lower().translate(_LETTERS).translate(_SINGLE))
    return unicodedata.normalize("NFC", "".join(c for c in plain if not unicodedata.combining(c)))


def _read() -> Lexicon:
    text = files("ops.snapshots.policy.classifier").joinpath("lexicon.toml").read_text("utf-8")
    found: dict[tuple[str, ...], set[str]] = {}
    document = tomllib.loads(text)
    lists = {name: frozenset(words.split(", ")) for name, words in document.pop("lists").items()}
    for tag, languages in document.items():
        for phrases in languages.values():
            for phrase in phrases.split(","):
                for form in {phrase.lower(), phrase.lower().translate(_DIGRAPHS)}:
                    found.setdefault(tuple(fold(form).split()), set()).add(tag)
    # "date of birth" is the same as "date birth": names have the words between or not.
    joins = {phrase[0] for phrase, tags in found.items() if tags == {"join"} and len(phrase) == 1}
    for phrase, tags in list(found.items()):
        short = tuple(word for word in phrase if word not in joins)
        if len(short) > 1 and short != phrase:
            found.setdefault(short, set()).update(tags)
    return Lexicon({phrase: frozenset(tags) for phrase, tags in found.items() if phrase}, lists)


LEXICON = _read()
LISTS = LEXICON.lists
