"""The query engines: DuckDB on this machine and Athena in AWS, over the same relation `events`.

Both implement `ops.logs.search.cursor.QueryEngine`.

duckdb           DuckDB on this machine
duckdb_functions pattern and level as functions in DuckDB
duckdb_relation  `events` in DuckDB's SQL
duckdb_readers   DuckDB's own file readers, for the formats they read exactly
athena           Athena in AWS
athena_relation  `events` in Athena's SQL
athena_levels    the level of an event in Athena's SQL
athena_rules     how DuckDB's functions are written for Athena
translation      translates a query to Athena's dialect
backwards        reads the newest hours first
loading          turns a listing into cached files that DuckDB reads
several          several datasets as one
files            the objects of a dataset as files on this machine
batches          parses new objects into events, a batch at a time
scanning         searches raw objects for a text before parsing them
sessions         DuckDB cursors that keep their views for the next query
"""
