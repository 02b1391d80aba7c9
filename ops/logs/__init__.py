"""Log export and exploration: logs of many accounts in one bucket, searched there.

api            `Logs`: exported logs in notebooks and scripts
datasets       the exported logs that can be searched, and their engines
known_exports  where exported logs are found
search/        what is asked
engines/       who answers: DuckDB and Athena
lake/          what is in the bucket
compaction/    an hour's objects as Parquet
export/        the export's stacks, its health, and proof that nothing is missing
"""

from typing import Any


def __getattr__(name: str) -> Any:
    """`from ops.logs import Logs`, without loading the engines for who does not ask."""
    if name == "Logs":
        from ops.logs.api import Logs

        return Logs
    raise AttributeError(name)
