"""Athena: statements run in DuckDB over the objects of Glue tables.

service     work groups, executions, and results
queries     runs one statement in DuckDB
tables      Glue tables and the objects of a query
relations   a table's objects as a DuckDB view
serde       text lines parsed as Hive's SerDes parse them
parameters  execution parameters
access      reads and writes with the caller's permissions
"""
