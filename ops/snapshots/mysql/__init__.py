"""A policy as SQL for MySQL 8 and MariaDB. `ops.snapshots.postgres` has the same modules for PostgreSQL.

compiler  a policy as scripts for the MySQL client
treat     changes rows and columns, and restores triggers
fakes     what each treatment turns a value into
unique    keeps unique columns unique
proof     checks that the treatments hold
scan      scans text columns for what looks personal
text      quoting, literals and the catalog queries
"""
