"""Fields and levels by the names that people type. Pure."""

import difflib

from ops.logs.search.model import FIELD_ALIASES, FIELDS, LEVELS

MESSAGE = "message"  # not a filter: a condition on it is a term
LEVEL_NAMES = {
    **{level: level for level in LEVELS},
    "WARNING": "WARN",
    "ERR": "ERROR",
    "SEVERE": "ERROR",
    "CRITICAL": "FATAL",
    "CRIT": "FATAL",
    "ALERT": "FATAL",
    "EMERGENCY": "FATAL",
    "EMERG": "FATAL",
    "PANIC": "FATAL",
    "NOTICE": "INFO",
    "INFORMATION": "INFO",
    "VERBOSE": "TRACE",
}
NO_LEVEL = ("NONE", "NULL", "UNKNOWN")

_ALIASES = {
    "account": ("accounts", "account_id", "accountid", "aws_account", "aws_account_id", "owner", "@owner"),
    "region": ("regions", "aws_region", "awsregion"),
    "group": ("groups", "log_group", "loggroup", "log_groups", "loggroups", "@log", "group_name",
              "log_group_name", "loggroupname"),
    "stream": ("streams", "log_stream", "logstream", "@logstream", "log_stream_name", "logstreamname"),
    "level": ("severity", "loglevel", "log_level", "lvl", "log.level", "severitytext", "severity_text"),
    "pattern": ("patterns", "@pattern"),
    "id": ("event_id", "eventid"),
    MESSAGE: ("msg", "@message", "text", "_raw", "raw"),
}  # fmt: skip
_BY_NAME = {
    **{name: name for name in (*FIELDS, MESSAGE)},
    **FIELD_ALIASES,
    **{alias: name for name, aliases in _ALIASES.items() for alias in aliases},
}
TIMES = ("ts", "timestamp", "@timestamp", "_time", "@ingestiontime")
# Not fields: the part before the colon of a URL, an ARN, or a digest.
SCHEMES = ("http", "https", "arn", "urn", "s3", "ftp", "jdbc", "file", "data", "mailto", "tcp", "udp",
           "sha1", "sha256", "sha512", "md5")  # fmt: skip


def field_of(name: str) -> str:
    """Return the field that the name means; empty for a field of messages."""
    return _BY_NAME.get(name.lower(), "")


def nearest(name: str) -> str:
    """Return the field whose name is almost the given one, as in `levl`; empty if there is none."""
    if "." in name:  # a path in JSON
        return ""
    near = difflib.get_close_matches(name.lower(), [known for known in FIELDS if len(known) > 2], 1, 0.75)
    return near[0] if near else ""
