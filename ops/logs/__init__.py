"""Log export and exploration: logs of many accounts in one bucket, and the search over them.

api            `Logs`: exported logs in notebooks and scripts
datasets       the exported logs that can be searched, and their query engines
known_exports  the deployed exports, and the buckets named in the settings
search/        queries as data, saved queries, and the SQL they become
engines/       the query engines: DuckDB and Athena
lake/          the layout and the contents of the log bucket
compaction/    an hour's objects rewritten as Parquet
export/        the export's stacks, health, coverage, and ledger
"""

from typing import Any


def __getattr__(name: str) -> Any:
    """Import `Logs` on first use, so that `import ops.logs` does not load the query engines."""
    if name == "Logs":
        from ops.logs.api import Logs

        return Logs
    raise AttributeError(name)
