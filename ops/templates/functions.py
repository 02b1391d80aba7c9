"""The source of a Lambda function as Lambda takes it: one file, put together from the parts it imports."""

import re
from importlib.resources import files

_IMPORT = re.compile(r"^from ops\.functions\.(\w+) import (?:\([^)]*\)|[^\n(]*)\n", re.MULTILINE)


def function_source(name: str) -> str:
    """The text of `ops/functions/<name>.py` with each part of ours in place of its first import."""
    return _put_together(name, set())


def _put_together(name: str, taken: set[str]) -> str:
    taken.add(name)
    text = files("ops.functions").joinpath(f"{name}.py").read_text("utf-8")

    def part(found: re.Match[str]) -> str:
        return "" if found[1] in taken else _put_together(found[1], taken)

    return _IMPORT.sub(part, text)
