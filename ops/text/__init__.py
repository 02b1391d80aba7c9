"""Texts that people and databases read.

durations    parses durations such as `90m`
toml_tables  reads TOML files, with the line of each mistake
quoting      quotes names and texts for SQL
"""
