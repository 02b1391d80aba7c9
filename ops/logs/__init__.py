"""Log export and exploration: logs of many accounts in one bucket, and the search over them.

api            `Logs`: exported logs in notebooks and scripts (`ops.notebook` connects it)
frames         the DataFrames that it returns
datasets       the exported logs that can be searched, and their query engines
tail           new events straight from CloudWatch Logs
adoption       replaces the stacks of CloudWatch2S3
known_exports  the deployed exports, and the buckets named in the settings
search/        queries as data, saved queries, and the SQL they become
engines/       the query engines: DuckDB and Athena
services/      logs that AWS services and other exporters write
lake/          the layout and the contents of the log bucket
compaction/    an hour's objects rewritten as Parquet
alerts/        searches that the export counts on a schedule, with a threshold
export/        the export's stacks, health, coverage, and ledger
"""

from typing import Any


def __getattr__(name: str) -> Any:
    """Import `Logs` on first use, so that `import ops.logs` does not load the query engines."""
    if name == "Logs":
        from ops.logs.api import Logs

        return Logs
    raise AttributeError(name)
