"""`make image`: the image is built without a container engine, and serves the pages through the gate."""

import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path

import pytest

from ops import __version__
from ops.embedded.ports import free_port

ROOT = Path(__file__).parents[1]
TOOLS = ("buildah", "mmdebstrap", "make")
pytestmark = [
    pytest.mark.thorough,
    pytest.mark.skipif(
        os.geteuid() != 0 or not all(map(shutil.which, TOOLS)), reason=f"requires root, {', '.join(TOOLS)}"
    ),
]


class Container:
    """A container of the image."""

    def __init__(self, store: Path) -> None:
        self.command = ["buildah", "--root", str(store / "storage"), "--runroot", str(store / "run")]
        self.environment = {**os.environ, "BUILDAH_ISOLATION": "chroot"}
        self.name = self.buildah("from", "--pull-never", "slipway").strip()

    def buildah(self, *arguments: str) -> str:
        command = [*self.command, *arguments]
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def output(self, *command: str) -> str:
        return self.buildah("run", self.name, "--", *command).strip()

    def start(self, *command: str) -> "subprocess.Popen[str]":
        arguments = [*self.command, "run", self.name, "--", *command]
        return subprocess.Popen(
            arguments, env=self.environment, stdout=subprocess.PIPE, text=True, start_new_session=True
        )


@pytest.fixture(scope="module")
def container(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Container]:
    store = tmp_path_factory.mktemp("image")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    subprocess.run(["make", "image", f"IMAGE_STORE={store}"], cwd=ROOT, env=environment, check=True)
    made = Container(store)
    yield made
    made.buildah("rm", made.name)


def test_the_image_runs_as_a_user_and_holds_no_secrets(container: Container) -> None:
    assert container.output("id", "-u") == "10001"
    assert container.output("python", "-c", "import ops; print(ops.__version__)") == __version__
    assert (
        container.output("sh", "-c", "cat .streamlit/secrets.toml slipway.toml 2>/dev/null || echo none")
        == "none"
    )
    assert container.output("sh", "-c", "find ops app -name __pycache__ | head -1") == ""


def test_the_pages_are_served_through_the_gate(container: Container) -> None:
    port = free_port()
    serving = container.start("python", "-m", "ops", "run", "--port", str(port), "--address", "127.0.0.1")
    try:
        assert serving.stdout
        lines = iter(serving.stdout.readline, "")
        token = next(found.group(1) for line in lines if (found := re.search(r"\?(token=\S+)", line)))
        for address, status in (("/", 401), ("/_stcore/health", 401), (f"/?{token}", 303)):
            connection = HTTPConnection("127.0.0.1", port, timeout=60)
            connection.request("GET", address)
            assert connection.getresponse().status == status, address
            connection.close()
    finally:
        os.killpg(serving.pid, signal.SIGTERM)
        serving.wait(60)
        if serving.stdout:
            serving.stdout.close()
