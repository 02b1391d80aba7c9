"""Table cells are text: no formulas, no hidden characters."""

import ast
from pathlib import Path

import pandas as pd
from streamlit.testing.v1 import AppTest

ROOT = Path(__file__).parents[3]


def page() -> None:
    import pandas as pd

    from app.shared.tables import show_table

    show_table([{"=name": "=1+1", "n": -1, "list": ["@x", "y"]}, {"=name": "a\x1b[31m\u202eb", "n": None}])
    show_table(pd.DataFrame({"a": ["-x", None], "b": [1.5, -2.5], "self": ["+", "x"]}))


def test_what_a_spreadsheet_would_run_is_quoted_and_what_is_hidden_is_shown() -> None:
    test = AppTest.from_function(page, default_timeout=60).run()
    assert not test.exception
    first, second = (frame.value for frame in test.dataframe)
    assert list(first.columns) == ["'=name", "n", "list"]
    assert list(first["'=name"]) == ["'=1+1", "a\\u{1b}[31m\\u{202e}b"]
    assert list(first["list"][0]) == ["'@x", "y"] and first["n"][0] == -1
    assert second["a"][0] == "'-x" and pd.isna(second["a"][1])
    assert list(second["b"]) == [1.5, -2.5] and list(second["self"]) == ["'+", "x"]


def test_every_table_is_shown_so() -> None:
    for path in [*(ROOT / "app").rglob("*.py"), *(ROOT / "pages").rglob("*.py")]:
        calls = [node.func for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
        names = {call.attr for call in calls if isinstance(call, ast.Attribute)}
        own = {"dataframe"} if path.name == "tables.py" else set()
        assert names & {"dataframe", "data_editor"} == own, path
