"""The rule of message patterns in plain Python, to read and to compare with."""

import re

import pyarrow as pa

from ops.logs.lake.patterns import patterns_of
from ops.logs.lake.rules import MASK


def pattern_of(message: str) -> str:
    """Return the pattern that the product gives one message."""
    return str(patterns_of(pa.array([message], pa.string())).to_pylist()[0])


def masked_by_rule(message: str) -> str:
    """Return the pattern that the rule gives the message."""

    def word(match: re.Match[str]) -> str:
        text = match.group()
        if re.fullmatch("[0-9a-fA-F]+", text) and re.search("[0-9]", text):
            return MASK
        return re.sub("[0-9]+", MASK, text)

    return re.sub("[0-9A-Za-z_]+", word, message)
