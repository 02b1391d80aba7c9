"""How texts are compared when case is ignored: the same in Python, in DuckDB, and in Athena. Pure.

A text is composed (NFC), put into lower case, and `ß` becomes `ss`, and a final `ς` becomes `σ`: STRASSE
finds straße, ΣΊΣΥΦΟΣ finds σίσυφος, and a letter with an accent finds the same letter however it is encoded.
"""

import unicodedata

# After lower case: what has one more way to be written than case.
SAME = {"ß": "ss", "ς": "σ"}


def folded(text: str) -> str:
    """Return the folded text."""
    if text.isascii():
        return text.lower()
    # Both query engines put each character into lower case by itself: `İ` becomes `i`, not `i` and a dot.
    text = unicodedata.normalize("NFC", text).replace("İ", "i").lower()
    for written, same in SAME.items():
        text = text.replace(written, same)
    return text


def folded_sql(column: str) -> str:
    """Return `folded` of a column, in SQL. Only texts that are not ASCII pay for more than lower case."""
    whole = f"lower(nfc_normalize({column}))"
    for written, same in SAME.items():
        whole = f"replace({whole}, '{written}', '{same}')"
    return f"CASE WHEN strlen({column}) = length({column}) THEN lower({column}) ELSE {whole} END"


def may_be_masked(character: str) -> bool:
    """Return whether a composed character may be written as a letter that a pattern masks, and an accent."""
    base = unicodedata.normalize("NFD", character)[0]
    return not character.isascii() and base.isascii()
