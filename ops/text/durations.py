"""Parse durations as people write them: `90m`, `7d`, or `1d12h`."""

import re
from datetime import timedelta

UNITS = {"w": "weeks", "d": "days", "h": "hours", "m": "minutes", "s": "seconds"}
_DURATION = re.compile("".join(rf"(\d{{1,6}}{unit})?" for unit in UNITS))


def parse_duration(text: object) -> timedelta | None:
    """Return the duration, or None if it is not one."""
    parts = _DURATION.fullmatch(text) if isinstance(text, str) and text else None
    if not parts:
        return None
    return timedelta(**{UNITS[part[-1]]: int(part[:-1]) for part in parts.groups() if part})
