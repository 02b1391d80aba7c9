"""Athena: statements run in DuckDB over the objects of Glue tables.

service     work groups, executions and results
queries     runs one statement in DuckDB
tables      Glue tables and the objects of a query
relations   a table's objects as a view in DuckDB
serde       lines of text as Hive's SerDes read them
parameters  execution parameters
access      reads and writes with the caller's rights
"""
