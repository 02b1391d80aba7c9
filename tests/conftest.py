"""What every test may ask for: the embedded cloud, one for each test process, with IAM enforcement on.

Decides too which tests are unit tests: those that start neither a cloud, a database server, nor a browser.
"""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import hypothesis
import pytest
from hypothesis import settings as hypothesis_settings

from ops import embedded as emulator
from ops.aws.cloud import Cloud
from ops.embedded.accounts import cloud as embedded_cloud
from ops.embedded.lifecycle import RunningCloud
from ops.gate.sessions import Session
from ops.settings import Settings
from tests import seeds
from tests.faults.monitor.watch import Watch
from tests.seeds import DELAY_S

MONITORED = {"browser", "end_to_end", "faults"}

# Fixtures that start something: a test that asks for one is no unit test, nor is any test in these paths.
STARTING = {"plant", "database_folder", "browser"}
NO_UNIT_TESTS = (
    "tests/browser/",
    "tests/end_to_end/",
    "tests/faults/",
    "tests/witnesses/",
    "tests/ops/embedded/",
    "tests/test_makefile.py",
    "tests/test_package.py",
)

# How long an example takes tells of the machine, not of the code.
hypothesis_settings.register_profile(
    "untimed", deadline=None, max_examples=50, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
# `--hypothesis-profile thorough`: 10,000 examples of each property, for the rules of rollouts above all.
hypothesis_settings.register_profile(
    "thorough", hypothesis_settings.get_profile("untimed"), max_examples=10_000
)
hypothesis_settings.load_profile("untimed")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        starting = STARTING.intersection(getattr(item, "fixturenames", ()))
        if not starting and not item.nodeid.startswith(NO_UNIT_TESTS):
            item.add_marker("unit")


@pytest.fixture(autouse=True)
def admitted(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run pages in a local session: those of AppTest have no request that could pass the gate."""
    if request.path.relative_to(Path(__file__).parent).parts[0] in ("app", "pages"):
        monkeypatch.setattr("app.shared.access.current_session", lambda configured: Session(opened=0))


@pytest.fixture(scope="session")
def plant() -> Callable[..., Path]:
    """Return the function that fills a folder from which an embedded cloud starts."""
    return seeds.planted


@pytest.fixture(scope="module")
def database_folder() -> Iterator[Path]:
    """A folder for database servers of the test's own, which PostgreSQL's user may enter."""
    folder = Path(tempfile.mkdtemp(prefix="slipway-databases-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def data() -> Iterator[Path]:
    """A folder that PostgreSQL, which refuses root, may enter as another user: pytest's own it may not."""
    folder = Path(tempfile.mkdtemp(prefix="slipway-test-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def settings(data: Path) -> Settings:
    return Settings(data=data, embedded_delay=DELAY_S)


@pytest.fixture(scope="session")
def embedded(settings: Settings, record: Path, plant: Callable[..., Path]) -> Iterator[RunningCloud]:
    """The embedded cloud with its sample data."""
    yield emulator.start(plant(settings.embedded_data), delay_s=DELAY_S, owner=True, record=record)
    emulator.stop(settings.embedded_data)


@pytest.fixture(scope="session")
def record(data: Path) -> Path:
    """The file in which the embedded cloud records everything that happens."""
    return data / "record.jsonl"


@pytest.fixture(scope="session")
def watch(record: Path) -> Watch:
    return Watch(record)


@pytest.fixture(autouse=True)
def monitored(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail a test of the product during which the embedded cloud records a broken invariant.

    Tests of the emulator itself call AWS with roles of their own, which look like the product's.
    """
    if "embedded" not in request.fixturenames or not MONITORED & set(request.path.parts):
        yield
        return
    watch: Watch = request.getfixturevalue("watch")
    watch.skip()  # what tests of the emulator have done in the meantime
    yield
    assert [str(violation) for violation in watch.look()] == []


@pytest.fixture(scope="session")
def cloud(embedded: RunningCloud, settings: Settings) -> Cloud:
    """A Cloud at the embedded cloud."""
    return embedded_cloud(settings, embedded.endpoint)
