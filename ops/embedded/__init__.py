"""The embedded cloud: AWS on this machine, in a process of its own, with real databases and real tasks.

`start`, `stop`, `reset` and `status` manage the process and its folder; `connect` gives a Cloud that uses it.
Nothing outside this package but the command line and the app's session knows of it.

lifecycle        starts, finds, stops and resets the process
server           the process: the emulator with its overlays
accounts         the accounts, and the Cloud that works in them
context          what each overlay is given when it is installed
seams            the private names of the emulator that overlays build on
saving           saves the state while it changes
network          refuses connections that leave the machine
ports            free ports on loopback
processes        finds and ends child processes
athena/          Athena over DuckDB
cloudformation/  resource types and stack operations
ecs/             Fargate tasks as local processes
firehose/        delivery streams
iam/             roles of services
logs/            CloudWatch Logs
rds/             real PostgreSQL and MariaDB behind RDS
stepfunctions/   executions
services/        services whose overlay is one module
runtime/         programs in processes of their own
sample/          the sample data of a new cloud
"""

from ops.embedded.accounts import connect
from ops.embedded.lifecycle import Running, reset, start, status, stop

__all__ = ["Running", "connect", "reset", "start", "status", "stop"]
