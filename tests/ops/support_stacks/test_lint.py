"""The linter reads synthesized apps before they are deployed."""

import json
from pathlib import Path
from typing import Any

import pytest

from ops.cli import main
from ops.errors import InputError
from ops.support_stacks.fingerprints import CONSTRUCT
from ops.support_stacks.lint import lint, placeholders

APPS = Path("../shared/data/cdk")
real = pytest.mark.skipif(not APPS.exists(), reason=f"no synthesized apps in {APPS}")

EXPECTED = {
    "same": {"PipeA-support-us-west-2", "PipeA-support-eu-west-1"},
    "samekeys": {"PipeA-support-us-west-2", "PipeA-support-eu-west-1"},
    "cross": {"PipeA-support-us-west-2", "PipeA-support-eu-west-1"},
    "two": {"PipeA-support-us-west-2", "PipeA-support-eu-west-1", "PipeB-support-ap-southeast-2"},
    "avoid": set(),
    "missing": {"PipeA-support-eu-west-1"},
}


@real
@pytest.mark.parametrize("app", EXPECTED)
def test_real_apps(app: str) -> None:
    found = lint(APPS / app)
    assert {finding.stack for finding in found} == EXPECTED[app]
    assert all(finding.account == "111111111111" for finding in found)
    assert {finding.key for finding in found} <= {app != "same"}


@real
def test_the_pipelines_that_share_a_stack_are_reported() -> None:
    users = {finding.stack: finding.pipelines for finding in lint(APPS / "two")}
    assert users["PipeA-support-eu-west-1"] == ("PipeA", "PipeB")
    assert users["PipeB-support-ap-southeast-2"] == ("PipeB",)


def assembly(folder: Path, **artifacts: object) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "manifest.json").write_text(json.dumps({"version": "1", "artifacts": artifacts}))
    return folder


def stack(folder: Path, name: str, region: str, resources: Any) -> dict[str, object]:
    (folder / f"{name}.json").write_text(json.dumps({"Resources": resources}))
    return {
        "type": "aws:cloudformation:stack",
        "environment": f"aws://111111111111/{region}",
        "properties": {"templateFile": f"{name}.json", "stackName": name},
    }


def test_a_stack_in_a_stage_is_found_and_the_exit_status_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    inner = tmp_path / "assembly-Tools"
    inner.mkdir()
    bucket = {f"{CONSTRUCT}FC3227F2": {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": "b"}}}
    assembly(inner, Support=stack(inner, "Tools-A-support-eu-west-1", "eu-west-1", bucket))
    app = assembly(
        tmp_path,
        Tools={"type": "cdk:cloud-assembly", "properties": {"directoryName": "assembly-Tools"}},
    )
    (found,) = lint(app)
    assert (found.stack, found.region, found.key) == ("Tools-A-support-eu-west-1", "eu-west-1", False)
    mapping = placeholders([found])["111111111111"]
    assert mapping["eu-west-1"]["bucketName"] == "slipway-replication-111111111111-eu-west-1"
    assert main(["support-stacks", "lint", str(app)]) == 1
    assert "'eu-west-1': s3.Bucket.fromBucketAttributes(" in capsys.readouterr().out
    assert main(["support-stacks", "lint", str(assembly(tmp_path / "clean"))]) == 0


def test_each_account_gets_its_mapping_with_the_pipelines_own_region_and_partition(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    artifacts = {}
    for account, home, region in (
        ("111111111111", "eu-west-1", "us-east-1"),
        ("222222222222", "us-gov-west-1", "us-gov-east-1"),
        ("333333333333", "cn-north-1", "cn-northwest-1"),
    ):
        stores = [{"ArtifactStore": {"Location": f"b{account}"}, "Region": region}]
        pipeline = {"P": {"Type": "AWS::CodePipeline::Pipeline", "Properties": {"ArtifactStores": stores}}}
        bucket = {f"{CONSTRUCT}1": {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": f"b{account}"}}}
        for name, where, resources in (("Pipe", home, pipeline), (f"Pipe-support-{region}", region, bucket)):
            artifact = stack(tmp_path, f"{account}{name}", where, resources)
            artifacts[f"{name}{account}"] = {**artifact, "environment": f"aws://{account}/{where}"}
    mapping = placeholders(lint(assembly(tmp_path, **artifacts)))
    assert {account: list(of_account) for account, of_account in mapping.items()} == {
        "111111111111": ["eu-west-1", "us-east-1"],
        "222222222222": ["us-gov-east-1", "us-gov-west-1"],
        "333333333333": ["cn-north-1", "cn-northwest-1"],
    }
    assert mapping["222222222222"]["us-gov-west-1"] == {
        "bucketName": "slipway-replication-222222222222-us-gov-west-1",
        "keyArn": "arn:aws-us-gov:kms:us-gov-west-1:222222222222:key/KEY-ID",
    }
    assert mapping["333333333333"]["cn-north-1"]["keyArn"].startswith("arn:aws-cn:kms:cn-north-1:")
    assert main(["support-stacks", "lint", str(tmp_path)]) == 1
    shown = capsys.readouterr().out
    assert [shown.count(f"Account {account}:") for account in mapping] == [1, 1, 1]


def test_a_folder_without_an_assembly_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        lint(tmp_path)
    (tmp_path / "manifest.json").write_text("[]")
    with pytest.raises(InputError, match="is not a JSON object"):
        lint(tmp_path)
    (tmp_path / "manifest.json").write_text("{}")
    with pytest.raises(InputError, match="not the manifest of a cloud assembly"):
        lint(tmp_path)


@pytest.mark.parametrize("text", ["{", '"text"', "[]"])
def test_a_manifest_that_cannot_be_read_is_an_error(tmp_path: Path, text: str) -> None:
    (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(InputError, match=r"manifest\.json"):
        lint(tmp_path)
