"""Texts that people and databases read.

confirmations  what users type to confirm a deletion
durations      parses durations such as `90m`
sizes          formats sizes such as `1.5 MB`
toml_tables    reads TOML files, with the line of each mistake
quoting        quotes names and texts for SQL
"""
