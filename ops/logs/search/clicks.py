"""A click on a value, added to the condition of a search. Pure.

What was there stays: an OR keeps its meaning, and a further value of the same field is an alternative.
"""

from ops.logs.search.model import ALTERNATIVE, Condition, Filter, Not, Or, all_of, any_of, conjuncts


def toggled(condition: Condition, one: Filter | Not) -> Condition:
    """Add the filter, or its negation, in place of its opposite; remove it if it is set."""
    value = one.condition if isinstance(one, Not) else one
    assert isinstance(value, Filter)
    kept = [part for part in conjuncts(condition) if part != Not(value)]
    group = next((part for part in kept if value in alternatives_of(part)), None)
    if isinstance(one, Not):
        parts = _without(kept, group, value)
        return all_of(tuple(parts if one in conjuncts(condition) else [*parts, one]))
    if group is not None:
        return all_of(tuple(_without(kept, group, value)))
    others = next((part for part in kept if value.field in {f.field for f in alternatives_of(part)}), None)
    if others is None:
        return all_of((*kept, value))
    return all_of(tuple(any_of((part, value)) if part is others else part for part in kept))


def chosen_values(condition: Condition) -> list[Filter]:
    """Return the values of which every matching event has one."""
    return [one for part in conjuncts(condition) for one in alternatives_of(part)]


def alternatives_of(condition: Condition) -> tuple[Filter, ...]:
    """Return the values of one field that are alternatives; empty for any other condition."""
    parts = condition.conditions if isinstance(condition, Or) else (condition,)
    filters = [part for part in parts if isinstance(part, Filter) and part.operator in ALTERNATIVE]
    same = len(filters) == len(parts) and len({one.field for one in filters}) == 1
    return tuple(filters) if same else ()


def _without(parts: list[Condition], group: Condition | None, value: Filter) -> list[Condition]:
    """Return the parts with the value removed from its group."""
    if group is None:
        return parts
    left = tuple(one for one in alternatives_of(group) if one != value)
    return (
        [part for part in parts if part is not group]
        if not left
        else [any_of(left) if part is group else part for part in parts]
    )
