"""Log export and exploration: logs of many accounts in one bucket, searched there.

dataset                         the one place that knows the bucket's layout, pure
search                          what is searched for, as data
store, listing, manifest        where the objects are; from a scope to the objects to read
gzipped, lines, readers, stock  an object's bytes → its events, for every format
templates, pattern              messages with numbers masked, and what a pattern says of them
cache, batches, parts, loading  files on this machine, made once, bounded
duckdb_engine                   DuckDB over all that, as the relation `events`
compaction                      an hour's objects as Parquet beside them
query_language, time_ranges     what the search bar and ranges of time mean
saved_queries, translation      queries as files; one SQL for DuckDB and Athena (athena_rules)
athena_engine, athena_relation  Athena over the same logs, as the same relation
installed, pipeline             the export's stacks, and how its stages do
coverage, coverage_facts,       which groups are exported, and why not
 coverage_verdicts, last_events
subscribing, subscriber_log     subscribing by hand, and what the subscriber was refused
statements, exploration         what page, command line and notebooks ask an engine
estimate, datasets, api, tables which engine, which logs, `Logs` for notebooks, results as files
"""

from typing import Any


def __getattr__(name: str) -> Any:
    """`from ops.logs import Logs`, without loading the engines for who does not ask."""
    if name == "Logs":
        from ops.logs.api import Logs

        return Logs
    raise AttributeError(name)
