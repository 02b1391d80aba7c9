"""Replacements for container images: local programs with the same names on the PATH."""

import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from ops.embedded.ecs.clients import FOLDER, write_clients
from ops.embedded.rds.postgres import BINARIES

SYSTEM = ("/usr/local/bin", "/usr/bin", "/bin")


class NoRunner(Exception):
    """No local program can replace the image."""


@dataclass(frozen=True)
class Runner:
    """The programs for an image. `entry_point` is the image's own, for task definitions without one."""

    directories: tuple[str, ...]
    entry_point: tuple[str, ...] = ()

    @property
    def path(self) -> str:
        return ":".join((*self.directories, *SYSTEM))


def runner(image: str, programs: Path) -> Runner:
    """Return the runner for an image, whatever its registry and tag; `programs` has the written programs."""
    repository = image.partition("@")[0].rsplit("/", 1)[-1].partition(":")[0]
    if repository == "postgres":
        return Runner((str(programs / FOLDER), str(BINARIES)))
    if repository in ("mariadb", "mysql"):
        if client := shutil.which("mariadb"):
            return Runner((str(programs / FOLDER), str(Path(client).parent)))
        raise NoRunner(
            f"{image} needs the MariaDB client. Install it, on Debian with: apt-get install mariadb-client"
        )
    if repository == "aws-cli":
        return Runner((str(programs),), ("aws",))
    raise NoRunner(
        f"the embedded cloud cannot run {image}; it runs images named aws-cli, mariadb, mysql, and postgres"
    )


def write_programs(directory: Path) -> None:
    """Write the `aws` program that replaces the AWS CLI, and the database clients."""
    directory.mkdir(parents=True, exist_ok=True)
    program = Path(__file__).parents[1] / "runtime" / "aws_cli.py"
    command = directory / "aws"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -I "{program}" "$@"\n', "utf-8")
    command.chmod(0o755)
    write_clients(directory)
