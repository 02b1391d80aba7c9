"""Who answers: DuckDB on this machine and Athena in AWS, over the same relation `events`.

estimate         what a query will read and cost on each engine
duckdb           DuckDB on this machine
duckdb_relation  `events` as DuckDB reads it
athena           Athena in AWS
athena_relation  `events` as Athena reads it
athena_rules     how DuckDB's functions are written for Athena
translation      checks a query and translates it to Athena's dialect
loading          from a listing to cached parts that DuckDB reads
batches          new objects to events, a batch at a time
stock            DuckDB's own readers, for the formats they read exactly
scanning         finds a search's text in raw objects before parsing them
sessions         cursors that keep their views for the next question
progress         progress, cancellation and notes of running queries
"""
