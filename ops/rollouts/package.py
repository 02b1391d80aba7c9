"""The controller's deployment package: the Lambda function and the rules that the simulator also uses."""

from collections.abc import Iterator
from importlib.resources import files

from ops.templates.functions import deployment_package, package_key, tree


def build() -> bytes:
    """Return the zip. The same sources give the same bytes."""
    return deployment_package(_entries())


def key(package: bytes) -> str:
    """Return the zip's key in the staging bucket."""
    return package_key("rollouts/handler", package)


def _entries() -> Iterator[tuple[str, bytes]]:
    ops = files("ops")
    yield "ops/__init__.py", ops.joinpath("__init__.py").read_bytes()
    yield "ops/errors.py", ops.joinpath("errors.py").read_bytes()
    for name in ("__init__.py", "durations.py", "toml_tables.py"):
        yield f"ops/text/{name}", ops.joinpath("text", name).read_bytes()
    yield "ops/rollouts/__init__.py", ops.joinpath("rollouts", "__init__.py").read_bytes()
    yield from tree(ops.joinpath("rollouts", "rules"), "ops/rollouts/rules")
    yield "ops/functions/__init__.py", ops.joinpath("functions", "__init__.py").read_bytes()
    for folder in ("shared", "rollouts"):
        yield from tree(ops.joinpath("functions", folder), f"ops/functions/{folder}")
    yield from tree(files("tzdata"), "tzdata")  # Lambda's Python runtime has no time zone database
