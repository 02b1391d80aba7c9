"""Blocks connections from the emulator's process to other machines."""

from ops.embedded.context import OverlayContext
from ops.embedded.runtime.guard import block_outside_connections

SEAMS: tuple[str, ...] = ()


def install(context: OverlayContext) -> None:
    block_outside_connections()
