"""The bounded cache: complete files only, least recently used removed first, errors for a full disk."""

from pathlib import Path

import pytest

from ops.logs.lake.cache import HALF, SPARED_S, FileCache, NotCached


class Clock:
    now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


def filled(path: Path) -> None:
    path.write_bytes(b"x" * 40)


def test_the_least_recently_used_files_are_removed_first(tmp_path: Path) -> None:
    clock = Clock()
    cache = FileCache(tmp_path, 100, clock)
    for name in "abc":
        cache.add(name, filled)
        clock.now += SPARED_S + 1
        cache.find("a")
    cache.add("d", filled)
    assert cache.find("b") is None
    assert cache.find("a")
    assert cache.size_bytes() <= 120  # what is in use is spared


def test_a_half_written_file_is_never_seen(tmp_path: Path) -> None:
    clock = Clock()
    cache = FileCache(tmp_path, 1000, clock)

    def killed(path: Path) -> None:
        path.write_bytes(b"half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cache.add("a", killed)
    assert cache.find("a") is None
    left = tmp_path / f"b.123{HALF}"
    left.write_bytes(b"of a process that was killed")
    clock.now = left.stat().st_mtime + SPARED_S + 1
    cache.tidy()
    assert not left.exists()


def test_a_full_disk_raises_not_cached(tmp_path: Path) -> None:
    def full(path: Path) -> None:
        path.write_bytes(b"some")
        raise OSError(28, "No space left on device")

    cache = FileCache(tmp_path, 1000)
    with pytest.raises(NotCached, match="No space left"):
        cache.add("a", full)
    assert list(tmp_path.iterdir()) == []


def test_decisions_are_logged_without_names(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG", logger="ops")
    clock = Clock()
    cache = FileCache(tmp_path, 60, clock)
    for name in ("of-a-customer-1", "of-a-customer-2", "of-a-customer-3"):
        cache.add(name, filled)
        clock.now += SPARED_S + 1
    (tmp_path / "of-a-customer-3").write_bytes(b"x")
    assert cache.find("of-a-customer-3", 40) is None
    messages = [record.getMessage() for record in caplog.records]
    assert messages.count("File added to the cache") == 3
    assert messages.count("Cached files removed") == 2
    assert messages[-1] == "Cached file was truncated, removed it"
    assert "of-a-customer" not in "".join(str(vars(record)) for record in caplog.records)


def test_a_full_disk_is_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    def full(path: Path) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(NotCached):
        FileCache(tmp_path, 100).add("x", full)
    (record,) = caplog.records
    assert (record.levelname, vars(record)["error"], vars(record)["errno"]) == ("WARNING", "OSError", 28)
