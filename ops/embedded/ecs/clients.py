"""Database clients whose connection times out if their task does not reach the database.

Tasks and databases are processes of one machine, so nothing else is between them. The programs are shell
scripts before the real ones on the PATH.
"""

import shutil
from pathlib import Path

from ops.embedded.ecs.network import UNREACHABLE_PORTS
from ops.embedded.rds.postgres import BINARIES

FOLDER = "clients"
_POSTGRES = ("psql", "pg_dump", "pg_dumpall", "pg_restore", "pg_isready", "createdb", "dropdb", "vacuumdb")
_MARIADB = ("mariadb", "mysql", "mariadb-dump", "mysqldump", "mariadb-admin", "mysqladmin")

# libpq's words, with and without a connect timeout, and those of the MariaDB client. 110 is ETIMEDOUT.
_POSTGRES_ERROR = """reason="Connection timed out"
    [ -z "$PGCONNECT_TIMEOUT" ] || reason="timeout expired"
    server="connection to server at \\"${PGHOST:-127.0.0.1}\\", port $port"
    echo "${0##*/}: error: $server failed: $reason" >&2
    exit 2"""
_MARIADB_ERROR = """echo "ERROR 2002 (HY000): Can't connect to server on '127.0.0.1' (110)" >&2
    exit 1"""
_SCRIPT = """#!/bin/sh
port={port}
previous=
for word in "$@"; do
  case $previous in {flag}|--port) port=$word ;; esac
  case $word in
    --port=*) port=${{word#--port=}} ;;
    {flag}[0-9]*) port=${{word#{flag}}} ;;
    postgres*://*:*)
      address=${{word#*://}}; address=${{address##*@}}; address=${{address%%[/?]*}}; port=${{address##*:}} ;;
  esac
  previous=$word
done
case " ${unreachable} " in
  *" $port "*)
    {error} ;;
esac
exec "{program}" "$@"
"""


def write_clients(directory: Path) -> None:
    """Write a script for each client that is installed."""
    folder = directory / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    for name in _POSTGRES:
        _write(folder / name, BINARIES / name, "-p", "${PGPORT:-5432}", _POSTGRES_ERROR)
    for name in _MARIADB:
        if program := shutil.which(name):
            _write(folder / name, Path(program), "-P", "${MYSQL_TCP_PORT:-3306}", _MARIADB_ERROR)


def _write(path: Path, program: Path, flag: str, port: str, error: str) -> None:
    script = _SCRIPT.format(program=program, flag=flag, port=port, error=error, unreachable=UNREACHABLE_PORTS)
    path.write_text(script, "utf-8")
    path.chmod(0o755)
