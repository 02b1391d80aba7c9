"""What users type to confirm that things are deleted."""

from collections.abc import Sequence


def typed_name(names: Sequence[str], noun: str) -> str:
    """Return the name of the one thing, or the count of several: `3 log groups`."""
    return names[0] if len(names) == 1 else f"{len(names)} {noun}s"
