"""The generated pages of docs/reference by file name."""

from collections.abc import Callable, Mapping
from pathlib import Path

from tests.reference import alarms, commands, permissions

FOLDER = Path("docs/reference")
PAGES: Mapping[str, Callable[[], str]] = {
    "alarms.md": alarms.page,
    "commands.md": commands.page,
    "permissions.md": permissions.page,
}


def write() -> None:
    for name, page in PAGES.items():
        (FOLDER / name).write_text(page() + "\n", "utf-8")
