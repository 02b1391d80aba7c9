"""The source of a Lambda function as Lambda takes it: one file, put together from the parts it imports."""

import re
from importlib.resources import files

_IMPORT = re.compile(r"^from ops\.functions\.(\w+)\.(\w+) import (?:\([^)]*\)|[^\n(]*)\n", re.MULTILINE)


def function_source(name: str) -> str:
    """The text of `ops/functions/<name>/handler.py` with each part of ours in place of its first import."""
    return _put_together(name, "handler", set())


def _put_together(name: str, part: str, taken: set[str]) -> str:
    taken.add(part)
    text = files(f"ops.functions.{name}").joinpath(f"{part}.py").read_text("utf-8")

    def source(found: re.Match[str]) -> str:
        return "" if found[2] in taken else _put_together(found[1], found[2], taken)

    return _IMPORT.sub(source, text)
