"""Given names, cities, and other words that values are compared with: words.txt."""

from functools import cache
from importlib.resources import files


@cache
def word_lists() -> dict[str, frozenset[str]]:
    """Return the lists of words.txt by name: given, family, cities, prose, streets, and companies."""
    lists: dict[str, list[str]] = {}
    words: list[str] = []
    text = files("ops.snapshots.policy.classifier").joinpath("words.txt").read_text("utf-8")
    for line in text.splitlines():
        if line.startswith("["):
            words = lists.setdefault(line.strip("[]"), [])
        elif not line.startswith("#"):
            words += line.split()
    return {name: frozenset(items) for name, items in lists.items()}
