"""Deltas: what differs significantly is found and ordered; what was not counted is not taken for zero."""

from datetime import UTC, datetime

import pytest

from ops.logs.search.deltas import Counts, Delta, deltas_of, field_counts, message_counts, outside_of
from ops.logs.search.exploration import LogEvent

AT = datetime(2026, 11, 24, 10, tzinfo=UTC)


def values(inside: Counts, outside: Counts) -> list[str]:
    return [one.value for one in deltas_of("level", inside, outside)]


def test_values_are_ordered_by_the_difference_of_their_shares() -> None:
    inside = Counts({"ERROR": 60, "INFO": 30, "WARN": 10}, 100)
    outside = Counts({"ERROR": 10, "INFO": 890, "WARN": 100}, 1000)
    found = deltas_of("level", inside, outside)
    assert [one.value for one in found] == ["INFO", "ERROR"]  # as many WARN in both
    assert [round(one.difference, 2) for one in found] == [-0.59, 0.59]
    assert found[1].significance == pytest.approx(23.05, abs=0.01)  # of a pooled share of 70 / 1100


@pytest.mark.parametrize(
    ("inside", "outside"),
    [
        (Counts({"rare": 4}, 100), Counts({}, 100)),  # too few events
        (Counts({"a": 6}, 10), Counts({"a": 4}, 10)),  # too few to be significant
        (
            Counts({"a": 1_005_000}, 10_000_000),
            Counts({"a": 1_000_000}, 10_000_000),
        ),  # too small
        (Counts({"a": 5}, 5), Counts({}, 0)),  # nothing to compare with
        (Counts({}, 0), Counts({"a": 5}, 5)),
        (Counts({"a": 50}, 50), Counts({"a": 500}, 500)),  # the same everywhere
    ],
)
def test_what_is_rare_small_or_insignificant_is_left_out(inside: Counts, outside: Counts) -> None:
    assert values(inside, outside) == []


def test_a_value_that_was_not_listed_is_not_zero() -> None:
    inside = Counts({"a": 30}, 100)
    assert values(inside, Counts({"b": 400}, 1000)) == ["b", "a"]
    assert values(inside, Counts({"b": 400}, 1000, unlisted=300)) == ["b"]  # there may be 300 of them


def test_the_rest_is_the_whole_without_the_range() -> None:
    whole = Counts({"a": 100, "b": 5, "c": 1}, 106)
    assert outside_of(Counts({"a": 30, "b": 5}, 35), whole) == Counts({"a": 70, "b": 0, "c": 1}, 71)


def test_a_full_list_may_have_left_out_values(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [{"field": "stream", "value": name, "events": events} for name, events in (("a", 9), (None, 3))]
    assert field_counts(rows, 12) == {"stream": Counts({"a": 9, "": 3}, 12)}
    monkeypatch.setattr("ops.logs.search.deltas.LISTED", 2)
    assert field_counts(rows, 14)["stream"].unlisted == 3


def test_fields_of_messages_are_compared_unless_they_are_unique() -> None:
    def events(status: int, first: int) -> list[LogEvent]:
        return [
            LogEvent("1", "r", "g", "s", AT, f'{{"status": {status}, "http": {{"ok": true}}, "id": "x{n}"}}')
            for n in range(first, first + 50)
        ]

    counts = message_counts(events(500, 0), events(200, 50))
    assert set(counts) == {"status", "http.ok"}
    found = deltas_of("status", *counts["status"])
    assert {(one.value, one.inside, one.outside) for one in found} == {("500", 50, 0), ("200", 0, 50)}
    assert deltas_of("http.ok", *counts["http.ok"]) == []
    assert isinstance(found[0], Delta)
