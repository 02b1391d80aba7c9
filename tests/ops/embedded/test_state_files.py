"""State files of the embedded cloud: what is damaged is named and set aside, and never read as empty."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from ops.embedded import state_files

DOCUMENT = json.dumps({"__ministack_format__": 3, "payload": {"streams": {"logs": [1, 2]}}})


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    path = tmp_path / "kinesis.json"
    state_files.write(path, DOCUMENT)
    return path


def test_a_saved_document_has_a_checksum_and_stays_readable(saved: Path) -> None:
    document = json.loads(saved.read_text())
    assert len(document.pop("sha256")) == 64
    assert document == json.loads(DOCUMENT)
    assert state_files.set_aside_damaged(saved.parent) == []
    assert [path.name for path in saved.parent.iterdir()] == [saved.name]


@pytest.mark.parametrize(
    "damaged",
    [
        lambda content: b"",
        lambda content: content[: len(content) // 2],
        lambda content: content.replace(b'"logs"', b'"logz"'),  # still valid JSON
        lambda content: content.replace(b'"sha256"', b'"sha255"'),
        lambda content: content + b" ",
        lambda content: b"\0" * len(content),
    ],
    ids=["empty", "cut off", "one letter", "no checksum", "one byte more", "zeros"],
)
def test_a_damaged_file_is_set_aside_as_it_is(saved: Path, damaged: Callable[[bytes], bytes]) -> None:
    content = damaged(saved.read_bytes())
    saved.write_bytes(content)
    (aside,) = state_files.set_aside_damaged(saved.parent)
    assert (aside.name, aside.read_bytes()) == ("kinesis.json.damaged", content)
    assert not saved.exists()


def test_what_is_set_aside_is_missing_until_it_is_restored_or_deleted(saved: Path) -> None:
    whole = saved.read_bytes()
    saved.write_bytes(whole[:-1])
    (aside,) = state_files.set_aside_damaged(saved.parent)
    assert state_files.set_aside_damaged(saved.parent) == [aside]
    saved.write_bytes(whole)
    assert state_files.set_aside_damaged(saved.parent) == []
    saved.unlink()
    aside.unlink()
    assert state_files.set_aside_damaged(saved.parent) == []


def test_a_file_from_before_checksums_is_read_if_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "s3.json"
    path.write_text(DOCUMENT)
    assert state_files.set_aside_damaged(tmp_path) == []
    path.write_text(DOCUMENT[:-1])
    assert [aside.name for aside in state_files.set_aside_damaged(tmp_path)] == ["s3.json.damaged"]


def test_the_error_names_each_service_and_file(tmp_path: Path) -> None:
    error = state_files.damage([tmp_path / "kinesis.json.damaged", tmp_path / "s3.json.damaged"])
    assert "saved state of kinesis, s3 is damaged" in str(error)
    assert str(tmp_path / "s3.json.damaged") in str(error)
