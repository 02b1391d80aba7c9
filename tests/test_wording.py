"""Texts use the field's words: no words of Slipway's old dialect, American spelling, and short paragraphs.

Add more words of that kind to WORDS, with what to write instead. If a word is right in one place, add it to
ALLOWED, with the reason.
"""

import ast
import io
import json
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[1]
# The texts that are checked. Paths are files or folders below the root.
SCOPE = (
    "ops",
    "app",
    "pages",
    "docs",
    "queries",
    "notebooks",
    *sorted(p.name for p in ROOT.glob("*.md")),
)

# Patterns, each with what to write instead. Case does not matter.
WORDS = {
    r"afresh|anew|once more": "again",
    r"afterwards|towards": "afterward, toward",
    r"amongst|whilst": "among, while",
    r"answers? (at|how|no|nothing|whether)": "is running at, returns",
    r"as (it|one) is asked for": "on demand",
    r"at once": "immediately, in parallel, at the same time",
    r"begun": "started",
    r"beforehand": "in advance",
    r"bring(s|ing)? over|brought over": "copy, import",
    r"by guess": "say what is used instead",
    r"cannot (be told|tell)": "is unknown",
    r"cures?|cured|mend(s|ed|ing)?": "fix",
    r"did the asking|what was asked": "say the thing",
    r"for ever": "forever",
    r"(give|gave|given|giving)s? an? order": "pause, resume, roll back",
    r"(go|goes|going|went) on": "continue",
    r"(hence|thence)(forth)?|hitherto|lest|thereof|whence|whereof|wherein": "plain modern English",
    r"in one go": "in one step",
    r"in words": "say what is shown",
    r"is (asked for|asked of|asked whether)": "is requested, is checked",
    r"lies? (at|below|beside|beyond|here|in|there|under|where)": "is in",
    r"(looks|looked) after": "manages",
    r"needs? a person|needs? you": "needs attention",
    r"needless": "unnecessary",
    r"nobody (is|was) told|nobody knows|nobody needs": "say what is off, unknown, or orphaned",
    r"not begun|unbegun": "not started",
    r"of whom": "whose",
    r"own words": "message",
    r"quiet days": "minimum idle days",
    r"reckon(s|ed|ing)?": "calculate, estimate",
    r"said": "reported, shown",
    r"says? so": "say what is shown",
    r"stands? (above|alone|at|below|beside|here|in|still|there|under)|what stands": "is in, is deployed",
    r"(take|takes|taken|taking|took) away": "remove",
    r"tells?|telling|told": "show, report, notify",
    r"under way": "in progress",
    r"what (became|has become|becomes) of": "the status of",
    r"wish(es|ed)?": "requested, desired",
    # American spelling
    r"\w*(behaviour|colour|favour|honour|neighbour)\w*": "…or",
    r"(author|initial|normal|optim|organ|recogn|sanit|serial|summar|util)is(e|ed|es|er|ing|ation)\w*": "…ize",
    r"analys(e|ed|es|ing)|catalys\w*": "…yze",
    r"artefacts?|judgement|programme": "artifact, judgment, program",
    r"(cancel|label|model|signal|travel)l(ed|ing)": "…led, …ling with one l",
    r"catalogues?|cent(re|red|res)|licences?|metres?": "catalog, center, license, meter",
    r"fulfil|grey": "fulfill, gray",
}  # fmt: skip
# Texts in which a word is right, with the reason.
ALLOWED: dict[str, str] = {
    r"Cancelled(Error)?\b": "the name of an exception",
    r"Resource \w+ cancelled": "CloudFormation's own text",
    r"neighbours": "a key of rollout files",
    r"gen\.tell\b": "the suffix of a script, which deployed sanitizing tasks match",
    r"Told |the neighbour,": "the sample's own data",
    r"licences\.md": "the name of a file",
}
PATTERN = re.compile("|".join(rf"\b(?:{words})\b" for words in WORDS), re.IGNORECASE)
EXCEPTIONS = re.compile("|".join(ALLOWED))
MAX_WORDS = 90  # of a paragraph in a guide


class Text(NamedTuple):
    path: Path
    line: int
    text: str


def files(scope: tuple[str, ...]) -> Iterator[Path]:
    for name in scope:
        path = ROOT / name
        assert path.exists(), f"{name} of SCOPE does not exist"
        yield from sorted(path.rglob("*")) if path.is_dir() else [path]


def texts(path: Path) -> Iterator[Text]:
    """Yield the texts of a file that people read."""
    if path.suffix == ".py":
        yield from (Text(path, line, text) for line, text in python_texts(path.read_text()))
    elif path.suffix == ".md":
        yield from (Text(path, line, text) for line, text in paragraphs(path.read_text()))
    elif path.suffix == ".sql":
        lines = enumerate(path.read_text().splitlines(), 1)
        yield from (Text(path, number, line.partition("--")[2]) for number, line in lines if "--" in line)
    elif path.suffix == ".ipynb":
        for number, cell in enumerate(json.loads(path.read_text())["cells"], 1):
            source = "".join(cell["source"])
            cell_texts = python_texts(source) if cell["cell_type"] == "code" else paragraphs(source)
            yield from (Text(path, number, text) for _, text in cell_texts)


def python_texts(source: str) -> Iterator[tuple[int, str]]:
    """Yield comments and string literals. A string without a space is a key or a name, not a text."""
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value:
            yield node.lineno, re.sub(r"`[^`\n]*`", "`code`", node.value)


def paragraphs(source: str) -> Iterator[tuple[int, str]]:
    """Yield paragraphs, list items, and table cells of Markdown, without code and link targets."""
    source = re.sub(
        r"^( *)```.*?^\1```", lambda m: "\n" * m[0].count("\n"), source, flags=re.DOTALL | re.MULTILINE
    )
    start, lines = 1, list[str]()
    for number, line in enumerate([*source.splitlines(), ""], 1):
        block_start = not line.strip() or re.match(r" *([-*|#>]|\d+\.) ?", line)
        if block_start and lines:
            yield from ((start, prose(cell)) for cell in cells("\n".join(lines)))
            lines = []
        if line.strip():
            start = start if lines else number
            lines.append(line)


def cells(block: str) -> list[str]:
    return block.strip().strip("|").split("|") if block.lstrip().startswith("|") else [block]


def prose(text: str) -> str:
    return re.sub(r"\]\([^)]*\)", "]", re.sub(r"`[^`]*`", "`code`", text))


def findings(path: Path) -> list[str]:
    return [
        f"{text.path.relative_to(ROOT)}:{text.line}: “{match[0]}”"
        for text in texts(path)
        for match in PATTERN.finditer(EXCEPTIONS.sub("", text.text))
    ]


def long_paragraphs(path: Path) -> list[str]:
    return [
        f"{path.relative_to(ROOT)}:{line}: {len(text.split())} words"
        for line, text in paragraphs(path.read_text())
        if len(text.split()) > MAX_WORDS
    ]


def test_texts_use_the_words_of_the_field() -> None:
    assert [finding for path in files(SCOPE) for finding in findings(path)] == []


def test_paragraphs_of_guides_are_short() -> None:
    guides = [path for path in files(SCOPE) if path.suffix == ".md"]
    assert [paragraph for path in guides for paragraph in long_paragraphs(path)] == []


@pytest.mark.parametrize(
    ("name", "source", "count"),
    [
        ("a.py", '"""Tells\nwhat is under way."""\nX = f"It is {told} anew."  # mend it\n', 4),
        ("a.py", 'told = {"said": "told"}\nX = "see `told`"\n', 0),
        ("a.md", "# Cure\n\n- It\n  goes on.\n\n| `told` | colour |\n", 3),
        ("a.md", "See [it](told.md).\n\n```\ntold said\n```\n", 0),
        ("a.sql", "-- title: What was said\nSELECT told FROM said\n", 1),
        ("a.ipynb", '{"cells": [{"cell_type": "markdown", "source": ["told\\n", "said"]}]}', 2),
    ],
)
def test_words_are_found_in_texts_only(
    name: str, source: str, count: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(f"{__name__}.ROOT", tmp_path)
    (tmp_path / name).write_text(source)
    assert len(findings(tmp_path / name)) == count


def test_a_long_paragraph_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(f"{__name__}.ROOT", tmp_path)
    (tmp_path / "a.md").write_text("word " * MAX_WORDS + "\n\n" + "word\n" * (MAX_WORDS + 1))
    assert long_paragraphs(tmp_path / "a.md") == [f"a.md:3: {MAX_WORDS + 1} words"]
