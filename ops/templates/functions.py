"""The source of a Lambda function in a single file, with the modules that it imports inlined."""

import re
from importlib.resources import files

_IMPORT = re.compile(r"^from ops\.functions\.(\w+)\.(\w+) import (?:\([^)]*\)|[^\n(]*)\n", re.MULTILINE)


def function_source(name: str) -> str:
    """Return `ops/functions/<name>/handler.py` with each imported module of ops.functions inlined."""
    return _inline(name, "handler", set())


def _inline(name: str, module: str, inlined: set[str]) -> str:
    inlined.add(module)
    text = files(f"ops.functions.{name}").joinpath(f"{module}.py").read_text("utf-8")

    def replace_import(match: re.Match[str]) -> str:
        return "" if match[2] in inlined else _inline(match[1], match[2], inlined)

    return _IMPORT.sub(replace_import, text)
