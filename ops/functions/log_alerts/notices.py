"""The subject and text of a notice. Everything that people or logs have written is text on one line. Pure."""

import shlex
from urllib.parse import urlencode

from ops.functions.log_alerts.judging import FIRING, OK, OVER, Record

LONGEST = 1000  # characters of a search or a reason
TITLES = {FIRING: "Firing", OK: "Recovered"}


def subject(alert: Record, notice: Record) -> str:
    """Return the subject: SNS accepts up to 100 ASCII characters without line breaks."""
    line = f"Slipway alert {_line(alert['name'])}: {_title(notice)}"
    return line.encode("ascii", "replace").decode()[:100]


def body(alert: Record, notice: Record) -> str:
    """Return the text: what was counted, in which window, and how to see the events."""
    start, end = notice["window"]
    side = "more" if alert["comparison"] == OVER else "fewer"
    lines = [
        f"{_line(alert['name'])}: {_title(notice)} (before: {notice['before']})",
        "",
        f"Window: {start} to {end}",
        _counted(notice),
        f"Threshold: {side} than {alert['threshold']} events per window",
        f"Search: {_line(alert['search']) or 'all events'}",
    ]
    if notice["partly"]:
        lines.append(f"Reason: {_line(notice['partly'])}")
    lines += ["", "Show the events:", _command(alert, start, end)]
    if alert["link"]:
        address = {"q": alert["search"], "t": f"{start}/{end}", "dataset": alert["dataset"]}
        lines.append(
            f"{_line(alert['link'])}?{urlencode({name: value for name, value in address.items() if value})}"
        )
    return "\n".join(lines)


def _title(notice: Record) -> str:
    return TITLES.get(notice["status"], "Unknown")


def _counted(notice: Record) -> str:
    if notice["events"] is None:
        return "Events: not counted"
    return f"Events: {'at least ' if notice['partly'] else ''}{notice['events']}"


def _command(alert: Record, start: str, end: str) -> str:
    parts = ["slipway", "logs", "search", "--last", f"{start}/{end}", "--dataset", alert["dataset"]]
    return shlex.join([*parts, "--", _line(alert["search"])])


def _line(value: str) -> str:
    """Return the text on one line, without control characters, and not too long."""
    plain = "".join(one if one.isprintable() else " " for one in value)
    return plain if len(plain) <= LONGEST else f"{plain[:LONGEST]}…"
