"""The embedded cloud without sample data, and callers with exactly the permissions that a test names."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ops import embedded
from tests.conformance.callers import Account
from tests.seeds import DELAY_S


@pytest.fixture(scope="session")
def account(data: Path) -> Iterator[Account]:
    """An account of an empty embedded cloud, which the tests of this folder share."""
    folder = data / "conformance"
    yield Account(embedded.start(folder, delay_s=DELAY_S, sample=False, owner=True).endpoint)
    embedded.stop(folder)
