"""The templates of `dist/`: complete for the console, reproducible, and with code that runs."""

import functools
import hashlib
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ops import __version__
from ops.release import costs
from ops.release.catalog import RELEASED, ReleasedTemplate
from ops.release.standalone import INTERFACE, MAX_BYTES
from ops.release.write import CHECKSUMS, write
from tests.end_to_end import assemblies

each = pytest.mark.parametrize("released", RELEASED, ids=lambda template: template.name)


@functools.cache
def text(name: str) -> str:
    (released,) = [released for released in RELEASED if released.name == name]
    return released.text()


def content(released: ReleasedTemplate) -> dict[str, Any]:
    made: dict[str, Any] = json.loads(text(released.name))
    return made


@each
def test_the_console_takes_it_and_explains_every_parameter(released: ReleasedTemplate) -> None:
    template = content(released)
    assert len(text(released.name).encode()) < MAX_BYTES
    interface = template["Metadata"][INTERFACE]
    grouped = [name for group in interface["ParameterGroups"] for name in group["Parameters"]]
    assert sorted(grouped) == sorted(template["Parameters"])
    assert set(interface["ParameterLabels"]) == set(template["Parameters"])
    assert [name for name, each in template["Parameters"].items() if not each.get("Description")] == []


@each
def test_it_has_its_version_and_says_what_to_do_next(released: ReleasedTemplate) -> None:
    template = content(released)
    assert template["Metadata"]["Slipway"] == {"Template": released.name, "Version": __version__}
    assert template["Outputs"]["SlipwayVersion"]["Value"] == __version__
    steps = template["Outputs"]["NextSteps"]["Value"]["Fn::Sub"]
    names = {name.split(".")[0] for name in re.findall(r"\$\{([\w.]+)\}", steps)}
    assert names <= template["Parameters"].keys() | template["Resources"].keys()


@each
def test_the_guide_says_what_it_makes_and_costs_and_how_to_remove_it(released: ReleasedTemplate) -> None:
    sections = Path("docs/templates.md").read_text().split("\n## ")
    (section,) = [text for text in sections if text.startswith(f"{released.name}\n")]
    assert "makes" in section and "To remove it" in section
    assert (
        costs.table(released.name) in section
        if released.name in costs.BILLS
        else ("It costs nothing" in section)
    )


def test_the_guide_has_the_unit_prices() -> None:
    assert costs.price_table() in Path("docs/templates.md").read_text()


def test_a_bill_is_the_sum_of_its_parts() -> None:
    """Checked by hand, with the prices of the pages."""
    assert sum(costs.log_export(0).values()) == pytest.approx(730 * 0.04 + 8760 * 0.00001 + 0.8)
    assert sum(costs.sanitized_snapshots(100, "db.m6g.large", 0).values()) == pytest.approx(28.5 + 0.4)
    assert sum(costs.slipway_app(50).values()) == pytest.approx(94.35, abs=0.01)


@each
def test_no_code_must_be_in_a_bucket(released: ReleasedTemplate) -> None:
    functions = [
        resource["Properties"]["Code"]
        for resource in content(released)["Resources"].values()
        if resource["Type"] == "AWS::Lambda::Function"
    ]
    # A package that replaces the processor is optional.
    assert all("ZipFile" in (code["Fn::If"][2] if "Fn::If" in code else code) for code in functions)


def test_the_same_sources_give_the_same_files_with_checksums(tmp_path: Path) -> None:
    for folder in ("one", "two"):
        write(tmp_path / folder)
    files = sorted(path.name for path in (tmp_path / "one").iterdir())
    assert files == sorted([CHECKSUMS, *(f"{released.name}.json" for released in RELEASED)])
    for name in files:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    for line in (tmp_path / "one" / CHECKSUMS).read_text().splitlines():
        digest, name = line.split("  ")
        assert digest == hashlib.sha256((tmp_path / "one" / name).read_bytes()).hexdigest()


INLINE = {  # of each function that is a zip: what it imports, and from the zip alone
    "rollouts": ("Handler", ("zoneinfo", "tzdata", "ops.rollouts.rules")),
    "sanitized-snapshots": ("Compiler", ("sqlglot.dialects.mysql", "ops.snapshots.compiler")),
}
NAMES = ("BUCKET", "TABLE", "TOPIC", "MACHINE", "PARTITION", "URL_SUFFIX", "TARGET_ROLE", "EXECUTION_ROLE")


@pytest.mark.parametrize("name", INLINE)
def test_the_inline_package_is_imported_from_itself(name: str, tmp_path: Path) -> None:
    (released,) = [released for released in RELEASED if released.name == name]
    function, modules = INLINE[name]
    (tmp_path / "index.py").write_text(
        content(released)["Resources"][function]["Properties"]["Code"]["ZipFile"]
    )
    program = (
        f"import index, sys, {', '.join(modules)}; assert callable(index.handler); print(index.PACKAGE); "
        "print(*[file for name, each in sys.modules.items() if (file := getattr(each, '__file__', None)) "
        "and name.split('.')[0] in ('ops', 'tzdata', 'sqlglot', 'mypy_extensions')])"
    )
    environment = {"TMPDIR": str(tmp_path), "AWS_DEFAULT_REGION": "eu-west-1", "PATH": ""}
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env={**environment, **dict.fromkeys(NAMES, "x")},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    package, *loaded = done.stdout.split()
    assert Path(package).parent == tmp_path
    assert len(loaded) > 10 and [path for path in loaded if not path.startswith(package)] == []


def example() -> str:
    """Return the CDK example of the guide."""
    (code,) = re.findall(r"```ts\n(.*?)```", Path("docs/templates.md").read_text(), re.DOTALL)
    return str(code)


@each
def test_the_cdk_example_names_every_required_parameter(released: ReleasedTemplate) -> None:
    (call,) = re.findall(rf"include\('{released.name}'(.*?)\);", example(), re.DOTALL)
    parameters = content(released)["Parameters"]
    named = set(re.findall(r"(\w+): ", call))
    assert {name for name, body in parameters.items() if "Default" not in body} <= named <= set(parameters)


@pytest.mark.thorough
def test_the_cdk_example_synthesizes(tmp_path: Path) -> None:
    write(tmp_path / "dist")
    (tmp_path / "example.ts").write_text(example())
    script = Path("tests/data/cdk/include.js").resolve()
    command = ["node", script, assemblies.cdk(), tmp_path / "example.ts", tmp_path / "dist", tmp_path / "out"]
    done = subprocess.run([*map(str, command)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    made = {path.name.removesuffix(".template.json") for path in (tmp_path / "out").glob("*.template.json")}
    assert made == {released.name for released in RELEASED}
