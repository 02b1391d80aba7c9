"""A policy as SQL for PostgreSQL. `ops.snapshots.mysql` has the same modules for MySQL and MariaDB.

compiler  a policy as scripts for psql
treat     changes rows and columns, and restores what was relaxed
fakes     what each treatment turns a value into
unique    keeps unique columns unique
proof     checks that the treatments hold, and scans what is left
text      quoting, literals and the catalog queries
"""
