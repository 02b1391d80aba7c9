"""What a log line says: its level, time, fields, and kind. The only place that knows how lines are written.

rules    where a level is written: one table for Python, DuckDB, and Athena
levels   the level of messages, a column at a time
literals  which texts a match of a rule contains: most rules are skipped by them
own      a team's own rules, from a file
explain  everything that is understood of one line, and the rule that matched
forms    the forms in which lines are written, and their fields
times    the time that is written in a line
prefixes  the prefix of a line that repeats the time and the level of its event
"""
