"""The emulator's process makes no connection beyond this machine."""

from ops.embedded.context import Context
from ops.embedded.runtime.guard import refuse_outside

SEAMS: tuple[str, ...] = ()


def install(context: Context) -> None:
    refuse_outside()
