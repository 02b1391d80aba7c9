"""The embedded cloud: an AWS on this machine, in a process of its own, with real databases and real tasks.

    start, stop, reset, status   the process and its folder
    connect                      a Cloud that speaks to it

Nothing outside this package but the command line and the app's session knows of it.
"""

from ops.embedded.accounts import connect
from ops.embedded.lifecycle import Running, reset, start, status, stop

__all__ = ["Running", "connect", "reset", "start", "status", "stop"]
