"""Errors on pages: a failure has an id that is in the log; a response to the user's input has none."""

import logging
import re

import pytest
from streamlit.testing.v1 import AppTest


def failing() -> None:
    from app.shared.components import errors_shown, show_error
    from ops.errors import AccessDenied, InputError

    with errors_shown():
        raise AccessDenied("Reading x failed.", hint="Allow it.", code="AccessDenied", operation="GetX")
    with errors_shown():
        raise InputError("The name is empty.", hint="Enter a name.")
    show_error(KeyError("unexpected"))


def test_every_failure_on_a_page_has_the_id_of_its_record(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR, logger="ops")
    denied, invalid, unexpected = AppTest.from_function(failing, default_timeout=60).run().error
    shown = [
        re.findall(r"Error ID: \*\*([0-9a-f]{8})\*\*", str(error.value)) for error in (denied, unexpected)
    ]
    assert "Reading x failed" in str(denied.value) and "Error ID" not in str(invalid.value)
    assert [[vars(record)["id"]] for record in caplog.records] == shown
    assert all(record.exc_info for record in caplog.records)
