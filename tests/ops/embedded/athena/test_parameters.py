"""Execution parameters replace `?` placeholders in order and must be literals."""

import pytest

from ops.embedded.athena.parameters import bind_parameters


def test_placeholders_outside_of_strings_are_replaced_in_order() -> None:
    sql = "SELECT '?', ? AS a -- ?\nFROM t WHERE b = ? AND c = '? \"?'"
    assert bind_parameters(sql, ["'it''s ?'", "-1"]) == sql.replace("', ? AS", "', 'it''s ?' AS").replace(
        "b = ?", "b = -1"
    )


@pytest.mark.parametrize("parameters", [[], ["1", "2"]])
def test_a_different_number_of_parameters_is_rejected(parameters: list[str]) -> None:
    with pytest.raises(ValueError, match="Incorrect number of parameters: expected 1"):
        bind_parameters("SELECT ?", parameters)


@pytest.mark.parametrize("text", ["(SELECT 1)", "a", "f(1)"])
def test_a_parameter_that_is_not_a_literal_is_rejected(text: str) -> None:
    with pytest.raises(ValueError, match="not a literal"):
        bind_parameters("SELECT ?", [text])


@pytest.mark.parametrize("text", ["TRUE", "NULL", "DOUBLE '1.5'", "TIMESTAMP '2026-11-24 00:00:00.000'", "1"])
def test_literals_of_every_type_are_accepted(text: str) -> None:
    assert bind_parameters("SELECT ?", [text]) == f"SELECT {text}"
