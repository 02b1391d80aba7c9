"""The rules of message patterns and times, for DuckDB, Athena, and Arrow alike."""

MASK = "*"
# RE2 and Python's `re` agree on this expression. RE2 runs in linear time; `re` may not.
MASKED = r"\b[0-9a-fA-F]*[0-9][0-9a-fA-F]*\b|[0-9]+"
MILLIS = 13  # digits of a time in milliseconds from 2001 to 2286
