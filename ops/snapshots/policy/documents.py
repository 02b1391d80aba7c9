"""Paths to values in JSON documents, as a policy writes them after the name of a column.

doc $.contact.email       a member; "$.\\"first name\\"" if its name has other characters
doc $.orders[*].phone     of every element of an array; [0] is the first one
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Union

if TYPE_CHECKING:
    from ops.snapshots.policy.treatment import Treatment

EACH = -1  # the step [*]
Step = str | int
Tree = Mapping[Step, Union["Tree", "Treatment"]]

COLUMN_AND_PATH = re.compile(r"(.+?) (\$.*)", re.DOTALL)
_STEP = re.compile(r'\.([^\W\d]\w*)|\.("(?:[^"\\]|\\.)+")|\[(\d{1,6})\]|\[(\*)\]')
GRAMMAR = 'Write a path such as $.contact.email, $."first name", $.orders[*].phone, or $.tags[0].'


def parse_path(text: str) -> tuple[Step, ...]:
    """Return the steps of a path: the name of a member, the index of an element, or EACH.

    Raises ValueError if the text is not a path.
    """
    steps: list[Step] = []
    place = 1
    while match := _STEP.match(text, place):
        name, quoted, index, each = match.groups()
        steps.append(EACH if each else int(index) if index else name or json.loads(quoted))
        place = match.end()
    if not text.startswith("$") or place != len(text) or not steps:
        raise ValueError(text)
    return tuple(steps)


def path_text(steps: Iterable[Step]) -> str:
    """Return the path as PostgreSQL, MySQL, and MariaDB write it: names are in double quotes."""
    return "$" + "".join(map(_step_text, steps))


def _step_text(step: Step) -> str:
    if isinstance(step, str):
        return f".{json.dumps(step, ensure_ascii=False)}"
    return "[*]" if step == EACH else f"[{step}]"


def overlap(paths: Iterable[tuple[Step, ...]]) -> tuple[tuple[Step, ...], tuple[Step, ...]] | None:
    """Return two paths of which one is part of the other, or None."""
    seen: list[tuple[Step, ...]] = []
    for path in paths:
        for other in seen:
            if all(_meet(one, two) for one, two in zip(path, other, strict=False)):
                return other, path
        seen.append(path)
    return None


def _meet(one: Step, two: Step) -> bool:
    is_index = isinstance(one, int) and isinstance(two, int)
    return one == two or (is_index and EACH in (one, two))


def tree_of(paths: Iterable[tuple[str, "Treatment"]]) -> Tree:
    """Return the paths as nested steps, with the treatments as leaves."""
    root: dict[Step, Tree | Treatment] = {}
    for text, treatment in paths:
        *parents, last = parse_path(text)
        node = root
        for step in parents:
            node = node.setdefault(step, {})  # type: ignore[assignment]
        node[last] = treatment
    return root


Leaf = Callable[["Treatment", str], str]  # a treatment and the SQL of a JSON value → the SQL of the new one
