"""SQL for values inside JSON documents in PostgreSQL: their treatment, and what remains of the document.

A document is read as jsonb (`pg_temp.as_json`, NULL if a text is not JSON): of a key that occurs twice, the
last value counts, and only that is written back.
"""

import json

from ops.snapshots.policy.documents import EACH, Leaf, Tree, parse_path, tree_of
from ops.snapshots.policy.treatment import Treatment
from ops.snapshots.postgres.text import identifier, literal

_NULL = "'null'::jsonb"


def new_document(column: str, treatment: Treatment, leaf: Leaf) -> str:
    """Return the document with treated values, as jsonb. `leaf` returns the text of a new value."""

    def changed(item: Treatment, value: str) -> str:
        text = leaf(item, f"({value} #>> '{{}}')")
        new = f"coalesce(to_jsonb(({text})::text), {_NULL})"
        return f"CASE jsonb_typeof({value}) WHEN 'null' THEN {value} ELSE {new} END"

    return _walk(f"pg_temp.as_json({identifier(column)})", tree_of(treatment.paths), changed)


def rest_of(column: str, treatment: Treatment) -> str:
    """Return the document without treated values, as a text; the value itself if it is not JSON."""
    name = identifier(column)
    rest = _walk(f"pg_temp.as_json({name})", tree_of(treatment.paths), lambda _item, _value: _NULL)
    return f"coalesce(({rest})::text, {name}::text)"


def _walk(value: str, tree: Tree | Treatment, new: Leaf, depth: int = 1) -> str:
    """Return the SQL of a value, with the leaves of the tree replaced where they exist.

    OFFSET 0 keeps the planner from copying the value to every place where its name is used.
    """
    if isinstance(tree, Treatment):
        return new(tree, value)
    name = f"slipway_{depth}"
    members = {step: inner for step, inner in tree.items() if isinstance(step, str)}
    indexes = {step: inner for step, inner in tree.items() if isinstance(step, int) and step != EACH}
    changed = name
    if members:
        added = " || ".join(
            f"CASE WHEN {name} ? {literal(step)} THEN jsonb_build_object({literal(step)}, "
            f"{_walk(f'({name} -> {literal(step)})', inner, new, depth + 1)}) ELSE '{{}}'::jsonb END"
            for step, inner in members.items()
        )
        changed = f"CASE WHEN jsonb_typeof({name}) = 'object' THEN {name} || {added} ELSE {changed} END"
    if EACH in tree:
        element = f"slipway_e{depth}"
        changed = (
            f"CASE WHEN jsonb_typeof({name}) = 'array' THEN coalesce((SELECT jsonb_agg("
            f"{_walk(element, tree[EACH], new, depth + 1)} ORDER BY slipway_o{depth}) "
            f"FROM jsonb_array_elements({name}) WITH ORDINALITY "
            f"AS slipway_a{depth} ({element}, slipway_o{depth})), {name}) ELSE {changed} END"
        )
    if indexes:
        replaced = name
        for step, inner in indexes.items():
            item = _walk(f"({name} -> {step})", inner, new, depth + 1)
            replaced = (
                f"CASE WHEN jsonb_array_length({name}) > {step} "
                f"THEN jsonb_set({replaced}, '{{{step}}}', {item}) ELSE {replaced} END"
            )
        changed = f"CASE WHEN jsonb_typeof({name}) = 'array' THEN {replaced} ELSE {changed} END"
    return f"(SELECT {changed} FROM (SELECT {value} AS {name} OFFSET 0) AS slipway_s{depth})"


def _tested(path: str) -> str:
    """Return the path with a test before each step: of the type, and whether the member or element exists."""
    text = "strict $"
    for step in parse_path(path):
        if isinstance(step, str):
            name = json.dumps(step, ensure_ascii=False)
            text += f' ? (@.type() == "object" && exists(@.{name})).{name}'
        elif step == EACH:
            text += ' ? (@.type() == "array")[*]'
        else:
            text += f' ? (@.type() == "array" && @.size() > {step})[{step}]'
    return text


def values_hold(column: str, path: str, condition: str) -> str:
    """Return the condition that all values at a path satisfy another one on `slipway_v`.

    The strict mode of a path is that of the treatment; it needs a test of every step, because the first
    document in which a step is missing would be an error.
    """
    return (
        f"NOT EXISTS (SELECT FROM jsonb_path_query(pg_temp.as_json({identifier(column)}), "
        f"{literal(_tested(path))}) "
        f"AS v (j) CROSS JOIN LATERAL (SELECT v.j #>> '{{}}' AS slipway_v) AS t "
        f"WHERE jsonb_typeof(v.j) <> 'null' AND NOT ({condition}))"
    )
