"""Tables of a TOML file: every key has its line."""

import tomllib
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops.errors import InputError
from ops.text.toml_tables import MAX_CHARACTERS, MAX_DEPTH, read_toml

LINES = '''# a comment
a = 1
"b c".d = """
[x]
e = 2
"""
f = [  # [[y]]
  1,
  { g = 3 },
]

[ h . "i" ] # more
j = { k = [1] }
[[l]]
m = 1
[[l]]
m = 2
[l.n]
o = 3
[[l.p]]
[[l.p]]
q = 4
'''


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_every_key_has_its_line(end: str) -> None:
    table = read_toml(LINES.replace("\n", end), "lines.toml", InputError)
    wanted = {
        ("a",): 2,
        ("b c", "d"): 3,
        ("f",): 7,
        ("f", 1, "g"): 7,
        ("h", "i"): 12,
        ("h", "i", "j", "k"): 13,
        ("l", 0): 14,
        ("l", 0, "m"): 15,
        ("l", 1): 16,
        ("l", 1, "m"): 17,
        ("l", 1, "n", "o"): 19,
        ("l", 1, "p", 0): 20,
        ("l", 1, "p", 1, "q"): 22,
    }
    assert {path: table.file.lines.get(path) for path in wanted} == wanted
    assert (
        ("x",) not in table.file.lines and ("y",) not in table.file.lines and ("e",) not in table.file.lines
    )


HOSTILE = {
    "lists": "a = " + "[" * 5000 + "]" * 5000,
    "unfinished": "a = [1,\n" + "[" * 100_000,
    "tables": "a = " + "{a = " * 3000 + "1" + "}" * 3000,
    "dotted key": "a" + ".a" * 20_000 + " = 1",
    "header": "[" + "a." * 20_000 + "a]",
    "quoted key": '"a"' + '."a"' * 5_000 + " = 1",
    "just too deep": "a = " + "[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1),
}


@pytest.mark.parametrize("which", HOSTILE)
def test_what_is_nested_too_deeply_is_an_error_with_its_line(which: str) -> None:
    with pytest.raises(InputError, match=r"f, line 2: nested too deeply") as refused:
        read_toml("first = 1\n" + HOSTILE[which].replace("\n", " "), "f", InputError)
    assert str(MAX_DEPTH) in refused.value.hint


def test_a_large_file_is_refused_unread() -> None:
    with pytest.raises(InputError, match="f is too large: 1,000,001 characters"):
        read_toml("#" * (MAX_CHARACTERS + 1), "f", InputError)


def test_an_unknown_key_is_named_with_the_nearest_known_one() -> None:
    table = read_toml("versoin = 1", "f", InputError)
    with pytest.raises(InputError, match="line 1: versoin is not a known key") as refused:
        table.check_keys("name", "version")
    assert refused.value.hint.startswith("Did you mean version?")


VALUES = st.sampled_from(
    [
        "1",
        '"[ \\" # {"',
        "'[ \\'",
        '"""\n[ " \\""" ] ""\n"""',
        '""""quoted""""',
        "'''\n] # '''",
        "[ # ]\n 1,\n '[', [\n] ]",
        '{ a = "}", b = [1] }',
    ]
)


@given(st.lists(VALUES, min_size=1, max_size=8))
def test_statements_end_where_toml_ends_them(values: list[str]) -> None:
    """The lines of keys are those at which the shortest valid statements begin."""

    def begins() -> Iterator[int]:
        line = 1
        for value in values:
            yield line
            line += value.count("\n") + 1

    text = "".join(f"k{number} = {value}\n" for number, value in enumerate(values))
    assert len(tomllib.loads(text)) == len(values)
    lines = read_toml(text, "f", InputError).file.lines
    assert [lines[(f"k{number}",)] for number in range(len(values))] == list(begins())
