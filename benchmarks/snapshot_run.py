"""The duration of a snapshot pipeline run, compared with the minimum work.

The minimum is to copy the files of the production database, start a server on them, run the SQL, and copy the
result. The rest of a run is the delay of the emulated services, the waits of the state machine, and overhead.
"""

import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.sanitizing import sanitize_sql
from ops import embedded
from ops.audit import Actor, FileAudit
from ops.aws.cloud import Cloud, Place
from ops.embedded.accounts import HOME, PRODUCTION
from ops.embedded.rds.postgres import Postgres
from ops.embedded.rds.servers import Login
from ops.embedded.sample import SampleDatabase, production_databases
from ops.plan import perform
from ops.settings import Settings
from ops.snapshots.pipeline import catalog
from ops.snapshots.runs import control as runs

VACUUM = "VACUUM (FULL, ANALYZE);"
PASSWORD = "correct-horse-1"


def run_seconds(cloud: Cloud, data: Path, database: str) -> float:
    """Return the seconds from the start of a run to the end of its cleanup."""
    pipeline = catalog.find_pipeline(cloud, Place(PRODUCTION, HOME), database)
    start = time.perf_counter()
    call = runs.refresh_call(cloud, pipeline, datetime.now(UTC))
    name = perform(call, actor=Actor.local("benchmark"), audit=FileAudit(data / "audit.jsonl"))
    while (watched := runs.read_run(cloud, pipeline, name)).execution.status == "RUNNING":
        time.sleep(0.2)
    assert watched.execution.status == "SUCCEEDED", watched.execution.cause
    return time.perf_counter() - start


def minimum_seconds(folder: Path, sample: SampleDatabase) -> float:
    """Return the seconds of the same work without the pipeline."""
    postgres = Postgres(folder / "minimum", {"SALT": "a-salt"})
    source = postgres.create("source", sample.master_user, PASSWORD, sample.db_name)
    login = Login(source, sample.master_user, PASSWORD, sample.db_name)
    postgres.load(login, sample.sql())
    start = time.perf_counter()
    postgres.back_up(source, "copy")
    port = postgres.start("copy")
    copied = Login(port, sample.master_user, PASSWORD, sample.db_name)
    postgres.load(copied, [sanitize_sql(sample.policy, copied)])
    postgres.execute(port, f"\\c {sample.db_name}\n{VACUUM}")
    postgres.back_up(port, "result")
    seconds = time.perf_counter() - start
    for name in ("source", "copy", "result"):
        postgres.delete(name)
    return seconds


def main() -> None:
    (sample,) = production_databases()
    with tempfile.TemporaryDirectory(prefix="slipway-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        for delay in (0.0, 1.0):
            settings = Settings(data=folder / str(delay), embedded_delay=delay)
            settings.data.mkdir()
            cloud = embedded.connect(settings, owner=True)
            try:
                seconds = run_seconds(cloud, settings.data, sample.identifier)
            finally:
                embedded.stop(settings.embedded_data)
            minimum = minimum_seconds(folder, sample)
            print(
                f"delay {delay:.0f} s: run {seconds:5.1f} s, minimum {minimum:4.1f} s, "
                f"ratio {seconds / minimum:4.1f}"
            )


if __name__ == "__main__":
    main()
