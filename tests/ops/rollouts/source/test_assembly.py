"""Cloud assemblies as they are read: Stages, dependencies, environments, and assets."""

import io
import json
import zipfile
from pathlib import Path

import pytest

from ops.errors import InputError
from ops.rollouts.source.assembly import read_assembly
from ops.rollouts.source.assets import packaged
from tests.ops.rollouts.cdk_app import BOOTSTRAP, Synthesized, write_assembly

A, B = "111111111111", "222222222222"
REAL = Path("../shared/data/cdk")


def names(folder: Path, *patterns: str) -> list[str]:
    return [stack.name for stack in read_assembly(folder, patterns).stacks]


def test_stacks_of_stages_are_found_by_what_cdk_list_prints(tmp_path: Path) -> None:
    in_stage = Synthesized("ProdSvc1A2B", (A, "eu-west-1"), label="Prod/Svc", stack_name="Prod-Svc")
    beta = Synthesized("BetaSvc3C4D", label="Beta/Svc", stack_name="Beta-Svc")
    write_assembly(tmp_path, Synthesized("Tools"), stages={"Prod": (in_stage,), "Beta": (beta,)})
    assert sorted(names(tmp_path)) == ["Beta-Svc", "Prod-Svc", "Tools"]
    for pattern in ("Prod/*", "Prod/Svc", "Prod-Svc", "ProdSvc1A2B", "assembly-Prod/ProdSvc1A2B"):
        (stack,) = read_assembly(tmp_path, (pattern,)).stacks
        assert (stack.name, stack.environment) == ("Prod-Svc", f"aws://{A}/eu-west-1")
    with pytest.raises(InputError, match="has no stack 'Gamma/\\*'") as caught:
        names(tmp_path, "Prod/*", "Gamma/*")
    assert "Prod/Svc" in (caught.value.hint or "")


def test_stacks_come_after_those_that_they_depend_on(tmp_path: Path) -> None:
    stage = {"Shared": (Synthesized("Keys", stack_name="Shared-Keys"),)}
    stacks = (
        Synthesized("Web", after=("Api", "assembly-Shared")),
        Synthesized("Api", after=("Data",)),
        Synthesized("Data"),
    )
    write_assembly(tmp_path, *stacks, stages=stage)
    found = {stack.name: stack.order for stack in read_assembly(tmp_path, ()).stacks}
    assert found == {"Data": 0, "Shared-Keys": 0, "Api": 1, "Web": 2}
    (web,) = read_assembly(tmp_path, ("Web",)).stacks
    assert (web.order, web.after) == (0, ())
    web, *_ = (each for each in read_assembly(tmp_path, ()).stacks if each.name == "Web")
    assert web.after == ("Api", "assembly-Shared/Keys")


def test_stacks_that_depend_on_each_other_are_refused(tmp_path: Path) -> None:
    write_assembly(tmp_path, Synthesized("One", after=("Two",)), Synthesized("Two", after=("One",)))
    with pytest.raises(InputError, match="depend on each other"):
        names(tmp_path)


def test_assets_have_their_bucket_role_and_content(tmp_path: Path) -> None:
    code = {"a" * 64: {"index.py": "def handler(event, context): ...", "run.sh": "#!/bin/sh"}}
    write_assembly(tmp_path, Synthesized("Svc", folders=code, images=("b" * 64,)))
    (tmp_path / f"asset.{'a' * 64}/run.sh").chmod(0o755)
    assembly = read_assembly(tmp_path, ())
    (stack,) = assembly.stacks
    (file,) = stack.files  # the stack's own template is not among them
    assert file.staged == f"assets/{'a' * 64}.zip" and file.key == f"{'a' * 64}.zip"
    assert file.bucket == "cdk-hnb659fds-assets-${AWS::AccountId}-${AWS::Region}"
    assert file.role.endswith("file-publishing-role-${AWS::AccountId}-${AWS::Region}")
    (image,) = stack.images
    assert (image.tag, Path(image.manifest).name) == ("b" * 64, "Svc.assets.json")
    assert (stack.bootstrap, stack.bootstrap_parameter) == (6, BOOTSTRAP)
    assert stack.parameters == ("BootstrapVersion",)
    body = packaged(assembly.files[file.staged])
    assert body == packaged(assembly.files[file.staged])
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        assert archive.namelist() == ["index.py", "run.sh"]
        assert archive.getinfo("run.sh").external_attr >> 16 & 0o777 == 0o755


def test_a_file_asset_is_staged_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_bytes(b"a,b\r\n")
    assert packaged(tmp_path / "data.csv") == b"a,b\r\n"


@pytest.mark.parametrize(
    ("source", "message"),
    [({"executable": ["make"]}, "is built by a command"), ({"path": "gone"}, "gone does not exist")],
)
def test_an_asset_that_cannot_be_staged_is_refused(
    tmp_path: Path, source: dict[str, object], message: str
) -> None:
    write_assembly(tmp_path, Synthesized("Svc", folders={"a" * 64: {"index.py": ""}}))
    path = tmp_path / "Svc.assets.json"
    manifest = json.loads(path.read_text())
    manifest["files"]["a" * 64]["source"] = source
    path.write_text(json.dumps(manifest))
    with pytest.raises(InputError, match=message):
        names(tmp_path)


@pytest.mark.parametrize("text", ["[]", '{"artifacts": []}', '{"artifacts": {"A": 1}}', "{", ""])
def test_a_broken_manifest_is_an_error_that_names_it(tmp_path: Path, text: str) -> None:
    (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(InputError, match=r"manifest.json"):
        names(tmp_path)


@pytest.mark.parametrize("destinations", [None, [], {"a": 1}, {"a": {"bucketName": "b"}}])
def test_an_asset_without_a_destination_is_an_error(tmp_path: Path, destinations: object) -> None:
    write_assembly(tmp_path, Synthesized("Svc"))
    path = tmp_path / "Svc.assets.json"
    asset = {"source": {"path": "Svc.template.json"}, "destinations": destinations}
    path.write_text(json.dumps({"files": {"a": asset}}))
    with pytest.raises(InputError, match="the asset a has a destination without bucketName or objectKey"):
        names(tmp_path)


@pytest.mark.skipif(not REAL.is_dir(), reason="the output of real apps is not on this machine")
@pytest.mark.parametrize(
    ("app", "stack", "environment"),
    [
        ("two", "PipeA-support-us-west-2", f"aws://{A}/us-west-2"),
        ("two", "PipeB", f"aws://{A}/us-east-1"),
        ("cross", "Cross-eu-west-1-App", f"aws://{B}/eu-west-1"),
        ("avoid", "Cross-us-west-2-App", f"aws://{B}/us-west-2"),
    ],
)
def test_the_output_of_real_apps_is_understood(app: str, stack: str, environment: str) -> None:
    (found,) = (each for each in read_assembly(REAL / app, ()).stacks if each.name == stack)
    assert found.environment == environment and found.files == ()
