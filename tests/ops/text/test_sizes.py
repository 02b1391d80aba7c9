"""Sizes have three digits, and never an exponent or 1,000 of a unit."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops.text.sizes import size


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1 KB"),
        (1_540_000, "1.54 MB"),
        (99_940_000, "99.9 MB"),
        (999_499_000, "999 MB"),
        (999_900_000, "1 GB"),
        (10**15 + 10**14, "1,100 TB"),
    ],
)
def test_a_size_has_the_largest_unit_that_fits(number: int, text: str) -> None:
    assert size(number) == text


@given(st.integers(0, 10**15 - 10**12))
def test_no_size_has_an_exponent_or_a_thousand_of_a_unit(number: int) -> None:
    assert re.fullmatch(r"[0-9]{1,3}(\.[0-9]{1,2})? (B|KB|MB|GB|TB)", size(number))
