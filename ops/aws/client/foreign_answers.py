"""Refuses answers that are not from AWS: a proxy or a sign-in page answers in HTML, often with status 200.

botocore reads such an answer of a JSON service as one without content, and cannot read that of others.
"""

from typing import Any

from ops.errors import Unreachable

_BEGINNINGS = (b"<!doctype html", b"<html")
_SHOWN = 200  # characters


def refuse_html(client: Any) -> None:
    """Make every call of the client raise Unreachable for an answer in HTML. Objects are not looked at."""
    client.meta.events.register("before-parse", _refuse, unique_id="foreign-answers")


def _refuse(operation_model: Any, response_dict: dict[str, Any], **_: Any) -> None:
    body = response_dict.get("body")
    if not isinstance(body, bytes) or not body.lstrip()[:15].lower().startswith(_BEGINNINGS):
        return
    raise Unreachable(
        f"{operation_model.name} failed: the answer with status {response_dict['status_code']} is a web "
        "page, not an answer of AWS.",
        hint="A proxy or a sign-in page may have answered. Check HTTPS_PROXY, NO_PROXY, and the network, "
        "then retry.",
        detail=body.decode("utf-8", "replace")[:_SHOWN],
    )
