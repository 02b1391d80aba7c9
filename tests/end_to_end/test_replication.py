"""Shared buckets deployed on the embedded cloud, and a real pipeline app that uses them."""

import ast
import json
from pathlib import Path

import pytest

from ops.aws.cloud import Cloud
from ops.cli import main
from ops.embedded.lifecycle import RunningCloud
from ops.support_stacks import cdk_code
from ops.support_stacks.lint import lint
from ops.support_stacks.replication import plan_replication, read_shared
from tests.end_to_end import assemblies
from tests.end_to_end.workbench import Workbench

REGIONS = ("eu-west-1", "us-east-1", "us-west-2")
TARGET = "222222222222"


@pytest.fixture(scope="module")
def bench(cloud: Cloud, data: Path) -> Workbench:
    workbench = Workbench(cloud, data)
    workbench.must(plan_replication(cloud, cloud.account("production"), REGIONS, [TARGET]))
    return workbench


def test_every_region_lists_every_bucket_and_key(bench: Workbench) -> None:
    shared = read_shared(bench.cloud, bench.production.account, REGIONS)
    assert [item.targets for item in shared] == [(TARGET,)] * 3
    for region in REGIONS:
        ssm = bench.cloud.client("ssm", "production", region)
        parameters = ssm.get_parameters_by_path(Path="/slipway/replication", Recursive=True)["Parameters"]
        values = {item["Name"].removeprefix("/slipway/replication/"): item["Value"] for item in parameters}
        assert values == {f"{s.region}/bucket-name": s.bucket for s in shared} | {
            f"{s.region}/key-arn": s.key_arn for s in shared
        }


def test_target_accounts_may_read_and_decrypt_and_the_key_rotates(bench: Workbench) -> None:
    (shared,) = read_shared(bench.cloud, bench.production.account, REGIONS[:1])
    s3 = bench.cloud.client("s3", "production", shared.region)
    policy = json.loads(s3.get_bucket_policy(Bucket=shared.bucket)["Policy"])
    (reads,) = [item for item in policy["Statement"] if item["Sid"] == "TargetsRead"]
    assert TARGET in json.dumps(reads["Principal"])
    kms = bench.cloud.client("kms", "production", shared.region)
    assert kms.get_key_rotation_status(KeyId=shared.key_arn)["KeyRotationEnabled"]
    key = json.loads(kms.get_key_policy(KeyId=shared.key_arn, PolicyName="default")["Policy"])
    (decrypts,) = [item for item in key["Statement"] if item["Sid"] == "TargetsDecrypt"]
    assert TARGET in json.dumps(decrypts["Principal"])


def test_a_second_run_changes_nothing(bench: Workbench) -> None:
    before = read_shared(bench.cloud, bench.production.account, REGIONS)
    bench.must(plan_replication(bench.cloud, bench.production.account, REGIONS, [TARGET]))
    assert read_shared(bench.cloud, bench.production.account, REGIONS) == before


@pytest.fixture
def printed(
    bench: Workbench,
    embedded: RunningCloud,
    data: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Path:
    """The output of `replication code` in a folder, one file per language."""
    monkeypatch.setenv("SLIPWAY_DATA", str(data))
    monkeypatch.chdir(tmp_path)
    for language, name in (("json", "json"), ("typescript", "ts"), ("python", "py")):
        code = ["support-stacks", "replication", "code", "--account", "production", "--language", language]
        assert main(code) == 0
        (tmp_path / f"mapping.{name}").write_text(capsys.readouterr().out)
    return tmp_path


def test_the_code_lists_every_region(printed: Path) -> None:
    assert set(json.loads((printed / "mapping.json").read_text())) == set(REGIONS)
    (assigned,) = [
        node for node in ast.parse((printed / "mapping.py").read_text()).body if isinstance(node, ast.Assign)
    ]
    assert isinstance(assigned.value, ast.Dict)
    assert [ast.literal_eval(key) for key in assigned.value.keys if key] == list(REGIONS)


@pytest.mark.thorough
def test_a_real_app_looks_up_the_shared_buckets(tmp_path: Path) -> None:
    """Without credentials CDK only notes what it would look up, and uses the placeholders until then."""
    key = "arn:aws:kms:{0}:111111111111:key/KEY-ID"
    mapping = {
        region: {"bucketName": f"before-{region}", "keyArn": key.format(region)}
        for region in ("us-east-1", "us-west-2", "eu-west-1")
    }
    (tmp_path / "mapping.ts").write_text(cdk_code.as_lookup_in_typescript(mapping))
    out = assemblies.synthesize(tmp_path / "cured", tmp_path / "mapping.ts")
    assert lint(out / "cured") == []
    missing = json.loads((out / "cured" / "manifest.json").read_text())["missing"]
    assert {item["props"]["parameterName"] for item in missing if item["provider"] == "ssm"} == {
        f"/slipway/replication/{region}/{name}" for region in mapping for name in ("bucket-name", "key-arn")
    }
    ast.parse(cdk_code.as_lookup_in_python(mapping))


def test_a_real_app_with_the_printed_mapping_has_no_support_stack(printed: Path, tmp_path: Path) -> None:
    out = assemblies.synthesize(tmp_path / "cured", printed / "mapping.ts")
    assert lint(out / "cured") == []
    names = {stack.name for stack in assemblies.stacks(out / "cured")}
    assert names == {"PipeC"}
    template = (out / "cured" / "PipeC.template.json").read_text()
    for item in json.loads((printed / "mapping.json").read_text()).values():
        assert item["bucketName"] in template and item["keyArn"] in template
