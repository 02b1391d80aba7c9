"""Restrict a process to reading some folders and writing to one, without TCP, with Landlock.

https://docs.kernel.org/userspace-api/landlock.html : Linux 5.13 or later. Elsewhere, the list of allowed
statements and DuckDB's own settings keep a query from files.
"""

import ctypes
import os
import sys
from collections.abc import Iterable
from pathlib import Path

CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446  # the same on every architecture
PATH_BENEATH, VERSION = 1, 1
WITH_NETWORK = 4  # the first version that also restricts TCP
NETWORK = 0b11  # bind and connect
SET_NO_NEW_PRIVS = 38
EXECUTE, WRITE_FILE, READ_FILE, READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
ALL = (1 << 13) - 1  # every right of the first version
READING = EXECUTE | READ_FILE | READ_DIR
OF_FILES = EXECUTE | WRITE_FILE | READ_FILE


class _Ruleset(ctypes.Structure):
    _fields_ = (("files", ctypes.c_uint64), ("network", ctypes.c_uint64))


class _Rule(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("allowed", ctypes.c_uint64), ("parent", ctypes.c_int32))


def restrict(readable: Iterable[Path], writable: Iterable[Path]) -> bool:
    """Restrict this process for good, and return whether the system could: all threads that start later.

    Folders that do not exist are not allowed when they appear.
    """
    if not sys.platform.startswith("linux"):
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    version = libc.syscall(CREATE_RULESET, None, 0, VERSION)
    size = 16 if version >= WITH_NETWORK else 8
    ruleset = libc.syscall(CREATE_RULESET, ctypes.byref(_Ruleset(ALL, NETWORK)), size, 0)
    if ruleset < 0:
        return False
    try:
        for rights, paths in ((READING, readable), (ALL, writable)):
            for path in paths:
                _allow(libc, ruleset, path, rights)
        if libc.prctl(SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
            return False
        return bool(libc.syscall(RESTRICT_SELF, ruleset, 0) == 0)
    finally:
        os.close(ruleset)


def _allow(libc: ctypes.CDLL, ruleset: int, path: Path, rights: int) -> None:
    try:
        parent = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    try:
        rule = _Rule(rights if path.is_dir() else rights & OF_FILES, parent)
        libc.syscall(ADD_RULE, ruleset, PATH_BENEATH, ctypes.byref(rule), 0)
    finally:
        os.close(parent)
