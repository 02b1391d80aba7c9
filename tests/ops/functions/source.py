"""Loads a Lambda's source as Lambda does: a module of its own, its settings in the environment."""

import importlib.util
import os
from typing import Any
from unittest import mock

from ops.templates.functions import function_source


def load(name: str, **environment: str) -> Any:
    """The function `ops/functions/<name>.py`, loaded with these variables."""
    spec = importlib.util.spec_from_loader(f"lambda_{name}", loader=None)
    assert spec
    module = importlib.util.module_from_spec(spec)
    with mock.patch.dict(os.environ, {"AWS_DEFAULT_REGION": "eu-west-1", **environment}):
        exec(compile(function_source(name), f"{name}.py", "exec"), module.__dict__)
    return module


class Context:
    """What Lambda tells a handler of its call."""

    function_name = "the-function"
    invoked_function_arn = "arn:aws:lambda:eu-west-1:111111111111:function:the-function"

    def __init__(self, left_s: float = 300.0) -> None:
        self.left_s = left_s

    def get_remaining_time_in_millis(self) -> int:
        return int(self.left_s * 1000)
