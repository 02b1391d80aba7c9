"""The embedded cloud: AWS on this machine, in its own process, with real databases and real tasks.

`start`, `stop`, `reset`, and `status` manage the process and its folder; `connect` returns a Cloud for it.
Only the command line and the app's session import this package.

lifecycle        start, find, stop, and reset the process
server           the process: the emulator with its overlays
accounts         the accounts, and the Cloud that works in them
context          the arguments of every overlay
seams            private names of the emulator that the overlays depend on
recording        records calls, executions, log lines, and deliveries, for tests
saving           saves the state while it changes
state_files      the files of the saved state, and what happens to a damaged one
network          blocks connections to other machines
ports            free ports on loopback
processes        find and terminate child processes
athena/          Athena on DuckDB
authority/       what is refused although the action itself is allowed
cloudformation/  resource types and stack operations
ecs/             Fargate tasks as local processes
firehose/        delivery streams
iam/             role sessions
limits/          refuses what exceeds documented limits
logs/            CloudWatch Logs
rds/             real PostgreSQL and MariaDB behind RDS
stepfunctions/   executions
services/        services with one overlay module
vpc/             what a network interface reaches
validation/      refuses what botocore's service models refuse
runtime/         programs that run in their own processes
sample/          the sample data of a new cloud
"""

from ops.embedded.accounts import connect
from ops.embedded.lifecycle import RunningCloud, reset, start, status, stop

__all__ = ["RunningCloud", "connect", "reset", "start", "status", "stop"]
