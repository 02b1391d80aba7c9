"""The audit file: appended, never torn."""

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from ops.audit import REDACTED, FileAudit, Record, redacted
from ops.errors import AuditUnavailable

RECORD = Record("2026-01-01T00:00:00Z", "me", "test", "plan", "s", "Do it", "q", "1", "r", "done", "")


def test_records_come_back_newest_first(tmp_path: Path) -> None:
    audit = FileAudit(tmp_path / "deep/audit.jsonl")
    for number in range(5):
        audit.write(replace(RECORD, step=str(number)))
    assert [record.step for record in audit.read(3)] == ["4", "3", "2"]
    assert (tmp_path / "deep/audit.jsonl").stat().st_mode & 0o777 == 0o600


def test_hostile_text_stays_one_line(tmp_path: Path) -> None:
    audit = FileAudit(tmp_path / "audit.jsonl")
    audit.write(replace(RECORD, does='x"\n{"actor": "somebody else"}'))
    assert len(audit.path.read_text().splitlines()) == 1
    assert audit.read(1)[0].actor == "me"


def test_a_torn_line_is_left_out(tmp_path: Path) -> None:
    audit = FileAudit(tmp_path / "audit.jsonl")
    audit.write(RECORD)
    with audit.path.open("a") as file:
        file.write('{"at": "2026')
    assert audit.read(10) == [RECORD]


def test_many_writers_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    code = (
        "import sys; from pathlib import Path; from dataclasses import replace;"
        "from tests.ops.test_audit import RECORD; from ops.audit import FileAudit;"
        "[FileAudit(Path(sys.argv[1])).write(replace(RECORD, does='x' * 5000)) for _ in range(20)]"
    )
    others = [subprocess.Popen([sys.executable, "-c", code, str(path)]) for _ in range(2)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(FileAudit(path).write, [RECORD] * 40))
    assert [process.wait() for process in others] == [0, 0]
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert len(lines) == 80


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(AuditUnavailable) as caught:
        FileAudit(tmp_path / "file/audit.jsonl").write(RECORD)
    assert caught.value.hint


@pytest.mark.parametrize(
    "name", ["DbPassword", "passphrase", "CLIENT_SECRET", "ApiKey", "private-key", "Token", "WebhookUrl"]
)
def test_a_parameter_with_the_name_of_a_secret_is_not_kept(name: str) -> None:
    assert redacted({name: "hunter2"}) == {name: REDACTED}


@pytest.mark.parametrize(
    "value, kept",
    [
        ("mysql://ada:hunter2@db/shop", f"mysql://{REDACTED}@db/shop"),  # pragma: allowlist secret
        ("host=db password=hunter2 user=ada", f"host=db password={REDACTED} user=ada"),
        ("run it with AKIAIOSFODNN7EXAMPLE", f"run it with {REDACTED}"),  # pragma: allowlist secret
        ("Authorization: Bearer hunter2", f"Authorization: Bearer {REDACTED}"),
        ("-----BEGIN PRIVATE KEY-----\nhunter2\n", REDACTED),  # pragma: allowlist secret
        ("https://example.org/a:b@c", "https://example.org/a:b@c"),
        ("arn:aws:secretsmanager:eu-west-1:1:secret:shop", "arn:aws:secretsmanager:eu-west-1:1:secret:shop"),
        ("s3://bucket/a, s3://bucket/b", "s3://bucket/a, s3://bucket/b"),
    ],
)
def test_a_secret_within_a_value_is_not_kept(value: str, kept: str) -> None:
    assert redacted({"value": value}) == {"value": kept}
