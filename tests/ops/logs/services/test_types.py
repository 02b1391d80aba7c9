"""Every dataset type: a real-shaped object becomes exactly the expected events, whatever lies beside it."""

import gzip
import json
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from ops.logs.engines.duckdb import DuckDbEngine
from ops.logs.lake.cache import FileCache
from ops.logs.lake.layout import Location, Scope
from ops.logs.search.cursor import Cursor
from ops.logs.search.language.parser import parse
from ops.logs.search.model import Search
from ops.logs.search.query import Events, Query
from ops.logs.services.detection import find_datasets
from ops.logs.services.model import DatasetType
from ops.logs.services.table import BY_NAME, TYPES
from tests.ops.logs.folder_store import Folder
from tests.ops.logs.sample_lake import DAY
from tests.ops.logs.services import samples
from tests.ops.logs.services.samples import SAMPLES, Sample

ROOT = "logs/"
HERE = Location("bucket", ROOT)
NAMED_ONLY = {"lines"}  # their keys have no layout
COLUMNS = ("ts", "account", "region", "log_group", "log_stream", "message")

each = pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.id)


class Bucket:
    """A bucket with objects of samples."""

    def __init__(self, root: Path) -> None:
        self.store = Folder(root / "bucket")
        self._cache = FileCache(root / "cache", 1 << 30)

    def put(self, key: str, body: bytes) -> None:
        self.store.put(ROOT + key, body)

    def engine(self, type_: DatasetType | None, others: Iterable[DuckDbEngine] = ()) -> DuckDbEngine:
        return DuckDbEngine(self.store, HERE, self._cache, threads=1, type_=type_, others=tuple(others))


@pytest.fixture
def bucket(tmp_path: Path) -> Bucket:
    return Bucket(tmp_path)


def rows(engine: DuckDbEngine, search: str = "", scope: Scope = DAY) -> list[tuple[Any, ...]]:
    """Return the events that match the search, in their order."""
    return in_order(engine.run(Query(Search(scope, parse(search)), Events(1000, newest_first=False))))


def in_order(cursor: Cursor) -> list[tuple[Any, ...]]:
    return [tuple(row.values()) for row in cursor.table().select(COLUMNS).to_pylist()]


def check(found: list[tuple[Any, ...]], sample: Sample) -> None:
    assert [(at.isoformat(timespec="auto").removesuffix("000"), *rest[:-1]) for at, *rest in found] == [
        row[:-1] for row in sample.rows
    ]
    for (*_, message), (*_, expected) in zip(found, sample.rows, strict=True):
        if isinstance(expected, str):
            assert message == expected
        else:
            fields = json.loads(message)
            assert {name: fields.get(name) for name in expected} == expected


@each
def test_an_object_becomes_exactly_the_expected_events(bucket: Bucket, sample: Sample) -> None:
    bucket.put(sample.key, sample.body)
    check(rows(bucket.engine(BY_NAME[sample.type])), sample)


@each
def test_hostile_objects_beside_a_good_one_change_nothing_but_a_note(bucket: Bucket, sample: Sample) -> None:
    bucket.put(sample.key, sample.body)
    for n, body in enumerate(
        (sample.damaged, gzip.compress(sample.damaged)[:-9], b"", b"\x28\xb5\x2f\xfdxx")
    ):
        bucket.put(_beside(sample.key, n), body)
    engine = bucket.engine(BY_NAME[sample.type])
    cursor = engine.run(Query(Search(DAY), Events(1000, newest_first=False)))
    found = in_order(cursor)
    if sample.type in ("lines", "firehose"):  # any text is a line, at the time of its key
        found = [row for row in found if "not a record" not in row[-1] and "{]" not in row[-1]]
    check(found, sample)
    assert "that are empty: 1" in " ".join(cursor.notes)
    assert len(cursor.notes) >= 3, cursor.notes


def _beside(key: str, n: int) -> str:
    """Return another key of the same layout."""
    for old in ("2soosksi", "5f3b6b2e", "20sg8hgm", "b1fc4ab2", "4c3bd6bf", "mkOPqEXAMPLE1234", "fe123456",
                "3da4e1f2", "c8f53a62"):  # fmt: skip
        if old in key:
            return key.replace(old, f"a{n}{old[2:]}")
    for old, new in (
        ("E568B2907131C0C0", f"E568B2907131C0C{n + 1}"),  # pragma: allowlist secret
        ("000000.gz", f"00000{n + 1}.gz"),
        ("0b1c2d3e", f"{n}b1c2d3f"),
        ("OaLkdIQr", f"OaLkdIQ{n}"),
        ("app-1", f"app-1{n}"),
    ):
        if old in key:
            return key.replace(old, new)
    raise AssertionError(key)


@each
def test_a_dataset_is_found_by_its_keys(bucket: Bucket, sample: Sample) -> None:
    bucket.put(sample.key, sample.body)
    found = [(one.prefix, one.type and one.type.name) for one in find_datasets(bucket.store, HERE)]
    assert found == ([] if sample.type in NAMED_ONLY else [(ROOT, sample.type)])


def test_datasets_in_the_folders_below_are_found(bucket: Bucket) -> None:
    bucket.put(f"lb/{samples.ALB.key}", samples.ALB.body)
    bucket.put(f"trail/{samples.CLOUDTRAIL.key}", samples.CLOUDTRAIL.body)
    bucket.put("export/raw/account=1/region=r/date=2026-11-24/hour=10/a.gz", b"x")
    found = [(one.prefix, one.type and one.type.name) for one in find_datasets(bucket.store, HERE)]
    assert found == [("logs/export/", None), ("logs/lb/", "alb"), ("logs/trail/", "cloudtrail")]


def test_every_type_has_a_sample() -> None:
    assert {sample.type for sample in SAMPLES} == {type_.name for type_ in TYPES}


def test_one_search_reads_several_datasets(bucket: Bucket) -> None:
    chosen = (samples.ALB, samples.CLOUDFRONT, samples.WAF, samples.S3_ACCESS)
    for sample in chosen:
        bucket.put(sample.key, sample.body)
    first, *others = [bucket.engine(BY_NAME[sample.type]) for sample in chosen]
    together = bucket.engine(BY_NAME["alb"], others)
    found = rows(together, "status:>=400")
    assert [row[3].partition("/")[0] for row in found] == ["alb", "waf", "s3-access"]
    assert together.list(DAY).objects == 4
    assert rows(together) == sorted(
        (row for one in (first, *others) for row in rows(one)), key=lambda r: r[0]
    )


class Counted(Folder):
    """A folder that remembers the ranges of keys that were listed."""

    ranges: list[tuple[str, str, str]]

    def list(self, prefix: str, after: str = "", before: str = "") -> Any:
        self.ranges.append((prefix, after, before))
        return super().list(prefix, after, before)


DATED = [sample for sample in SAMPLES if sample.type not in (*NAMED_ONLY, "export-task")]


@pytest.mark.parametrize("sample", DATED, ids=lambda sample: sample.id)
def test_a_time_range_is_a_range_of_keys(tmp_path: Path, sample: Sample) -> None:
    bucket = Bucket(tmp_path)
    bucket.put(sample.key, sample.body)
    store = Counted(tmp_path / "bucket")
    store.ranges = []
    type_ = BY_NAME[sample.type]
    engine = DuckDbEngine(store, HERE, FileCache(tmp_path / "cache", 1 << 20), threads=1, type_=type_)
    other = Scope(DAY.start + timedelta(days=30), DAY.end + timedelta(days=30))
    assert engine.list(other).objects == 0
    (prefix, after, before), *more = [one for one in store.ranges if one[2]]
    assert not more
    assert after < before
    assert not after < ROOT + sample.key < before
    assert ROOT + sample.key > prefix
    assert engine.list(DAY, fresh=True).objects == 1


def test_a_type_that_is_named_reads_other_keys(bucket: Bucket) -> None:
    bucket.put("copied/2026/11/24/some-name.txt", samples.ALB.body)
    bucket.put("copied/2026/10/24/old.txt", samples.ALB.body)
    engine = bucket.engine(BY_NAME["alb"])
    assert engine.list(DAY).objects == 1
    assert len(rows(engine)) == 2


def test_objects_far_from_the_time_range_are_not_read(bucket: Bucket) -> None:
    for time in ("0105", "0905", "1105", "1205", "2305"):
        bucket.put(samples.ALB.key.replace("T1005Z", f"T{time}Z"), samples.ALB.body)
    hour = Scope(DAY.start, DAY.start + timedelta(hours=1))
    listed = bucket.engine(BY_NAME["alb"]).list(hour).fresh
    # A service may deliver up to two hours later, and writes the time of the end or the start of a period.
    assert [obj.key.split("20261124T")[1][:4] for obj in listed] == ["0905", "1105", "1205"]


def test_only_log_lines_have_levels(bucket: Bucket) -> None:
    text = gzip.decompress(samples.ALB.body).replace(b"/cart", b"/ERROR:%20FATAL")
    bucket.put(samples.ALB.key, gzip.compress(text))
    bucket.put(samples.FIREHOSE.key, samples.FIREHOSE.body)
    together = bucket.engine(BY_NAME["alb"], [bucket.engine(BY_NAME["firehose"])])
    assert [row[3] for row in rows(together, "level:*")] == ["firehose/clicks"]
    assert len(rows(together, "level:none")) == 3
