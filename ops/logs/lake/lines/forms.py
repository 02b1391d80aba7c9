"""The forms in which lines are written, and their fields: what a line's kind is. Pure.

The level does not depend on them (`rules`).
"""

import re
from collections.abc import Mapping
from typing import Any

_WRITTEN = (
    (
        "klog",
        r"[IWEFD](?:\d{4}|\d{8}) [\d:.]+\s+(?P<thread>\d+) (?P<file>[^\s:\]]+):(?P<line>\d+)\] "
        r"(?P<message>.*)",
    ),
    (
        "syslog",
        r"<(?P<priority>\d{1,3})>1 \S+ (?P<host>\S+) (?P<app>\S+) (?P<pid>\S+) (?P<message_id>\S+) "
        r"(?P<message>.*)",
    ),
    (
        "syslog",
        r"(?:<(?P<priority>\d{1,3})>)?[A-Z][a-z]{2}\s+\d+ [\d:.]+ (?P<host>\S+) (?P<app>[^\s:\[]+)"
        r"(?:\[(?P<pid>\d+)\])?: (?P<message>.*)",
    ),
    ("syslog", r"<(?P<priority>\d{1,3})>(?P<message>.*)"),
    (
        "android",
        r"(?:\d{4}-)?\d\d-\d\d [\d:.]+\s+(?P<pid>\d+)\s+(?P<thread>\d+) [VDIWEFA] (?P<tag>[^:]*?)\s*: "
        r"(?P<message>.*)",
    ),
    (
        "android",
        r"(?:\d\d-\d\d [\d:.]+ )?[VDIWEFA]/(?P<tag>[^(]+?)\s*\(\s*(?P<pid>\d+)\): (?P<message>.*)",
    ),
    ("lambda", r"(?P<event>START|END|REPORT) RequestId: (?P<request_id>\S+)(?P<message>.*)"),
    (
        "lambda",
        r"(?P<event>INIT_START|INIT_REPORT|RESTORE_START|RESTORE_REPORT|EXTENSION)\s(?P<message>.*)",
    ),
    ("lambda", r"\S+Z\s(?P<request_id>[0-9a-f-]{36}) (?P<message>Task timed out after .*)"),
    (
        "lambda",
        r"(?:\[\w+\]\t)?\d{4}-\S+Z\t(?P<request_id>[0-9a-f-]{36}|undefined)\t(?:\w+\t)?(?P<message>.*)",
    ),
    (
        "access log",
        r'(?P<client>\S+) \S+ (?P<user>\S+) \[[^\]]+\] "(?P<method>[A-Z]+) (?P<path>\S+)[^"]*" '
        r"(?P<status>\d{3}) (?P<bytes>\d+|-).*",
    ),
    ("nginx", r"\d{4}/\d\d/\d\d [\d:]+ \[\w+\] (?P<pid>\d+)#(?P<thread>\d+): (?P<message>.*)"),
    (
        "apache",
        r"\[[A-Z][a-z]{2} [A-Z][a-z]{2} [^\]]+\] \[(?:(?P<module>\w*):)?\w+\] (?P<message>.*)",
    ),
    (
        "postgresql",
        r"\d{4}-\d\d-\d\d [\d:.]+ \w+.*?(?:DEBUG\d?|LOG|INFO|NOTICE|WARNING|ERROR|FATAL|PANIC|DETAIL|HINT|"
        r"STATEMENT|CONTEXT):  (?P<message>.*)",
    ),
    ("windows", r"\d{4}-\d\d-\d\d [\d:]+, \w+\s{2,}(?P<component>\w+)\s+(?P<message>.*)"),
    ("windows", r"<Event xmlns.*"),
    ("vpc flow", r"\d \d{12} (?P<interface>eni-\w+) (?P<source>\S+) (?P<destination>\S+) .*"),
    (
        "dotnet",
        r"(?:fail|crit|warn|info|dbug|trce): (?P<logger>[\w.]+)\[(?P<event_id>\d+)\]\s*(?P<message>.*)",
    ),
    ("serilog", r"(?:\d[\d:. +-]*)?\[(?:\d[\d:. +-]*)?(?:VRB|DBG|INF|WRN|ERR|FTL)\] (?P<message>.*)"),
    ("python", r"(?:DEBUG|INFO|WARNING|ERROR|CRITICAL):(?P<logger>[\w.]+):(?P<message>.*)"),
    ("python", r"\d{4}-\d\d-\d\d [\d:,]+ - (?P<logger>\S+) - [A-Z]+ - (?P<message>.*)"),
    (
        "java",
        r"\d{4}-\d\d-\d\d[ T]\S+\s+[A-Z]+ (?:\[[^\]]*\] )?(?P<pid>\d+) --- \[\s*(?P<thread>[^\]]*)\] "
        r"(?P<logger>\S+)\s+: (?P<message>.*)",
    ),
    ("java", r"\d[\d:, .-]* \[(?P<thread>[^\]]+)\] [A-Z]+\s+(?P<logger>[\w.$]+)\s+-\s+(?P<message>.*)"),
    (
        "traceback",
        r"(?:Traceback \(most recent call last\)|panic: |goroutine \d+ \[|thread '[^']*' panicked).*",
    ),
    ("traceback", r"(?:[\w$]+\.)*(?:[A-Z]\w*)?(?:Error|Exception)(?::.*|\s*|\n.*)"),
    ("go", r"\d{4}/\d\d/\d\d [\d:.]+ (?P<message>.*)"),
)
_TEXT = tuple((kind, re.compile(form, re.DOTALL)) for kind, form in _WRITTEN)
# The first kind all of whose fields a JSON object has.
_JSON = (
    ("emf", {"_aws"}),
    ("lambda", {"requestId", "timestamp"}),
    ("ecs", {"log.level"}),
    ("ecs", {"ecs.version"}),
    ("ecs", {"ecs"}),
    *(("otel", {name}) for name in ("severityNumber", "severityText", "SeverityNumber", "SeverityText")),
    *(("otel", {name}) for name in ("severity_number", "severity_text", "resourceLogs")),
    ("kubernetes", {"kubernetes"}),
    ("docker", {"log", "stream"}),
    ("ecs", {"@timestamp", "log"}),
    *(("serilog", {name}) for name in ("@t", "@l", "@mt")),
    ("mongodb", {"t", "s", "c"}),
    ("gelf", {"short_message"}),
    ("journald", {"PRIORITY", "MESSAGE"}),
    ("cloudtrail", {"eventSource", "eventName"}),
    ("bunyan", {"name", "hostname", "v", "level"}),
)


def kind_of_json(fields: Mapping[str, Any]) -> str:
    """Return the kind of a JSON object."""
    if str(fields.get("type", "")).startswith("platform."):
        return "lambda"
    names = set(fields)
    kind = next((kind for kind, needed in _JSON if needed <= names), "json")
    level = fields.get("level")
    return "pino" if kind == "json" and type(level) is int and level in range(10, 70, 10) else kind


def form_of_text(text: str) -> tuple[str, dict[str, str]] | None:
    """Return the kind of a text, and its fields; None for a text of no particular form."""
    for kind, form in _TEXT:
        if match := form.fullmatch(text):
            return kind, {name: value for name, value in match.groupdict().items() if value is not None}
    return None
