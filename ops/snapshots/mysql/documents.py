"""SQL for values inside JSON documents in MySQL and MariaDB: their treatment, and what remains.

The placeholder <column> is the column. MariaDB keeps the text of a document, with both values of a key that
occurs twice: the proof, which finds all values of a path, fails for a document in which one was not treated.
"""

from ops.snapshots.mysql.text import literal
from ops.snapshots.policy.documents import EACH, Leaf, Step, Tree, path_text, tree_of
from ops.snapshots.policy.treatment import Treatment

DOCUMENT = "CONVERT(<column> USING utf8mb4)"
_NULL = "JSON_EXTRACT('null', '$')"
_NO_PATH = '$."slipway has no such path"'  # with several paths, JSON_EXTRACT returns all values as an array


def new_document(treatment: Treatment, leaf: Leaf, otherwise: str) -> str:
    """Return the document with treated values. `leaf` returns the text of a new value."""

    def new(item: Treatment, value: str) -> str:
        text = leaf(item, f"CONVERT(JSON_UNQUOTE({value}) USING utf8mb4)")
        quoted = f"COALESCE(JSON_QUOTE(CONVERT({text} USING utf8mb4)), 'null')"
        return f"JSON_EXTRACT(IF(JSON_TYPE({value}) = 'NULL', 'null', {quoted}), '$')"

    return f"IF(JSON_VALID({DOCUMENT}), {_walk(DOCUMENT, tree_of(treatment.paths), new)}, {otherwise})"


def rest_of(treatment: Treatment) -> str:
    """Return the document without treated values; the value itself if it is not JSON."""
    rest = _walk(DOCUMENT, tree_of(treatment.paths), lambda _item, _value: _NULL)
    return f"IF(JSON_VALID({DOCUMENT}), {rest}, {DOCUMENT})"


def _walk(value: str, tree: Tree | Treatment, new: Leaf, depth: int = 1) -> str:
    """Return the SQL of a value, with the leaves of the tree replaced where they exist."""
    if isinstance(tree, Treatment):
        return new(tree, value)
    base = _each(value, tree[EACH], new, depth) if EACH in tree else value
    pairs = _pairs(value, (), tree, new, depth)
    return f"JSON_REPLACE({base}, {', '.join(pairs)})" if pairs else base


def _pairs(value: str, parents: tuple[Step, ...], tree: Tree, new: Leaf, depth: int) -> list[str]:
    """Return paths and new values, in pairs. Arrays come before the members of an object in their place."""
    pairs = []
    for step, inner in tree.items():
        if step == EACH:
            continue
        path = (*parents, step)
        old = f"JSON_EXTRACT({value}, {literal(path_text(path))})"
        if isinstance(inner, Treatment):
            pairs += [literal(path_text(path)), new(inner, old)]
            continue
        if EACH in inner:
            pairs += [literal(path_text(path)), f"JSON_EXTRACT({_each(old, inner[EACH], new, depth)}, '$')"]
        pairs += _pairs(value, path, inner, new, depth)
    return pairs


def _each(array: str, tree: Tree | Treatment, new: Leaf, depth: int) -> str:
    element = f"slipway_e{depth}"
    return (
        f"IF(JSON_TYPE({array}) = 'ARRAY', COALESCE((SELECT CONCAT('[', GROUP_CONCAT("
        f"COALESCE({_walk(element, tree, new, depth + 1)}, 'null') ORDER BY slipway_o{depth} "
        f"SEPARATOR ','), ']') FROM JSON_TABLE({array}, '$[*]' COLUMNS (slipway_o{depth} FOR ORDINALITY, "
        f"{element} JSON PATH '$')) slipway_a{depth}), {array}), {array})"
    )


def values_hold(value: str, path: str, condition: str) -> str:
    """Return the condition that all values at a path of the document satisfy another one on <value>."""
    found = f"IF(JSON_VALID({value}), JSON_EXTRACT({value}, {literal(path)}, {literal(_NO_PATH)}), NULL)"
    text = "(CONVERT(JSON_UNQUOTE(slipway_v) USING utf8mb4) COLLATE utf8mb4_bin)"
    return (
        f"(SELECT COUNT(*) FROM JSON_TABLE({found}, '$[*]' COLUMNS (slipway_v JSON PATH '$')) slipway_j "
        f"WHERE COALESCE(slipway_v, 'null') <> 'null' AND NOT ({condition.replace('<value>', text)})) = 0"
    )
