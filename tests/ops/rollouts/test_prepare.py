"""A run as it is prepared from a file: its source, its version, and what is refused before AWS is called."""

import tomllib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from ops.audit import Actor
from ops.errors import InputError
from ops.rollouts.prepare import approve, prepare_run
from ops.rollouts.rules.document import Document
from ops.rollouts.source.uploads import uploads
from tests.ops.rollouts.cdk_app import Synthesized, write_assembly

REST = """
[evidence]
none = "a test"
[[stage]]
where = { accounts = ["111111111111"], regions = ["eu-west-1"] }
bake = "1h"
"""
ORDERED = """
[evidence]
none = "a test"
[[where]]
accounts = ["111111111111"]
regions = ["eu-west-1"]
[[override]]
region = "eu-west-1"
parameters = { Size = "small" }
[order]
first = "eu-west-1"
"""
SAM = "Transform: AWS::Serverless-2016-10-31\nResources: {}\n"


def prepared(folder: Path, what: str, version: str = "", rest: str = REST) -> Document:
    path = folder / "shop.toml"
    path.write_text(f"[what]\n{what}{rest}")
    now = datetime(2026, 11, 30, tzinfo=UTC)
    return prepare_run(path, lambda kind, name: (), Actor("ada", "test"), now, version=version)


def test_an_app_is_uploaded_as_it_was_prepared(tmp_path: Path) -> None:
    code = {"a" * 64: {"index.py": ""}}
    write_assembly(tmp_path / "cdk.out", Synthesized("Svc", folders=code), Synthesized("Data"))
    document = prepared(tmp_path, 'assembly = "cdk.out"', "build-7")
    found = uploads(document)
    names = {f"runs/{document.run}/templates/{stack.template}" for stack in document.stacks}
    assert set(found.documents) == names | {f"runs/{document.run}/document.json"}
    assert set(found.assets) == {f"assets/{'a' * 64}.zip"}
    assert (document.version, document.template) == ("build-7", "")
    write_assembly(tmp_path / "cdk.out", Synthesized("Svc", folders=code, description="changed"))
    with pytest.raises(InputError, match=r"cdk.out was changed after the rollout had been prepared"):
        uploads(document)


def test_a_single_template_is_uploaded_under_its_old_name(tmp_path: Path) -> None:
    (tmp_path / "t.json").write_text("{}")
    document = prepared(tmp_path, 'stack = "s"\ntemplate = "t.json"')
    assert uploads(document).documents[f"runs/{document.run}/templates/wanted"] == "{}"


def test_macros_need_the_capability(tmp_path: Path) -> None:
    (tmp_path / "sam.yaml").write_text(SAM)
    what = 'stack = "s"\ntemplate = "sam.yaml"\ncapabilities = ['
    with pytest.raises(InputError, match="CAPABILITY_AUTO_EXPAND") as caught:
        prepared(tmp_path, f'{what}"CAPABILITY_IAM"]')
    allowed = 'capabilities = ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"]'
    assert allowed in (caught.value.hint or "")
    assert prepared(tmp_path, f'{what}"CAPABILITY_AUTO_EXPAND"]').template == SAM


@pytest.mark.parametrize("version", ["x" * 101, "a\nb", "\x1b[31m"])
def test_a_version_is_a_short_name(tmp_path: Path, version: str) -> None:
    (tmp_path / "t.json").write_text("{}")
    with pytest.raises(InputError, match="The version has more than 100 characters, or control characters"):
        prepared(tmp_path, 'stack = "s"\ntemplate = "t.json"', version)


@pytest.mark.parametrize("rest", [REST, ORDERED], ids=["stages", "order"])
def test_a_file_is_parsed_once_also_when_its_changes_are_approved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rest: str
) -> None:
    parsed: list[str] = []
    original = tomllib.loads

    def loads(text: str) -> dict[str, Any]:
        parsed.append(text)
        return original(text)

    monkeypatch.setattr(tomllib, "loads", loads)
    (tmp_path / "t.json").write_text("{}")
    document = approve(prepared(tmp_path, 'stack = "s"\ntemplate = "t.json"', rest=rest), ("a change",))
    assert document.stages and document.targets and document.rollout.name == "shop"
    assert parsed == [document.text]
