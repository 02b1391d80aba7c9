"""Results as files: CSV without formulas, and Parquet."""

import csv
import io
from datetime import datetime

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops.logs.search.output import to_csv, to_parquet


@pytest.mark.parametrize(
    "cell",
    [
        "=1+1",
        "+1",
        "-1",
        "@SUM(A1)",
        "\t=1",
        "\r=1",
        "\n=1",
        "=cmd|' /C calc'!A0",
        " =1",
        "\ufeff=1",
        "\x00@A1",
        "＝1",
    ],
)
def test_no_cell_starts_like_a_formula(cell: str) -> None:
    text = to_csv(pa.table({"=name": [cell]}))
    read = list(csv.reader(io.StringIO(text, newline="")))
    assert read == [["'=name"], [f"'{cell}"]]


def test_numbers_times_and_null_are_unchanged() -> None:
    table = pa.table(
        {"n": [-1.5], "t": [datetime(2026, 11, 24, 1, 2, 3, 4000)], "x": pa.array([None], pa.string())}
    )
    assert to_csv(table) == "n,t,x\r\n-1.5,2026-11-24T01:02:03.004,\r\n"


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=1))
def test_every_text_is_preserved(texts: list[str]) -> None:
    read = list(csv.reader(io.StringIO(to_csv(pa.table({"n": range(len(texts)), "x": texts})), newline="")))
    assert [row[1].removeprefix("'") for row in read[1:]] == [text.removeprefix("'") for text in texts]


def test_parquet_holds_the_same() -> None:
    table = pa.table({"x": ["=1", None, "é"]})
    assert pq.read_table(io.BytesIO(to_parquet(table))).equals(table)
