"""The rules of message patterns, levels, and times, for DuckDB, Athena, and Arrow alike."""

MASK = "*"
# RE2 and Python's `re` agree on this expression. RE2 runs in linear time; `re` may not.
MASKED = r"\b[0-9a-fA-F]*[0-9][0-9a-fA-F]*\b|[0-9]+"
# The first of these words near the start of a message is its level.
LEVEL_WORDS = {
    "FATAL": ("fatal", "critical", "emerg", "panic"),
    "ERROR": ("error", "err", "severe"),
    "WARN": ("warning", "warn"),
    "INFO": ("info", "notice"),
    "DEBUG": ("debug",),
    "TRACE": ("trace", "finest"),
}
LEVEL_OF = {word: level for level, words in LEVEL_WORDS.items() for word in words}
LEVEL = rf"(?:^|[^0-9A-Za-z_])(?i:(?P<word>{'|'.join(LEVEL_OF)}))(?:[^0-9A-Za-z_]|$)"
LEVEL_HEAD = 200  # characters at the start of the message in which the level is searched
MILLIS = 13  # digits of a time in milliseconds from 2001 to 2286
