"""The query engines: DuckDB on this machine and Athena in AWS, over the same relation `events`.

estimate         what a query reads, takes, and costs on each engine
duckdb           DuckDB on this machine
duckdb_relation  `events` in DuckDB's SQL
duckdb_readers   DuckDB's own file readers, for the formats they read exactly
athena           Athena in AWS
athena_relation  `events` in Athena's SQL
athena_rules     how DuckDB's functions are written for Athena
translation      checks a query and translates it to Athena's dialect
loading          turns a listing into cached files that DuckDB reads
batches          parses new objects into events, a batch at a time
scanning         searches raw objects for a text before parsing them
sessions         DuckDB cursors that keep their views for the next query
progress         progress, cancellation, and notes of running queries
"""
