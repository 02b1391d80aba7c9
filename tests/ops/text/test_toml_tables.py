"""Tables of a TOML file: every key has its line."""

import pytest

from ops.errors import InputError
from ops.text.toml_tables import read_toml

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
