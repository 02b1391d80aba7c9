"""SQL of a policy for MySQL 8 and MariaDB. `ops.snapshots.postgres` has the same modules for PostgreSQL.

compiler   compiles a policy to scripts for the MySQL client
treat      changes rows and columns, and restores triggers
subset     keeps a part of the rows, with valid keys
documents  values inside JSON documents
fakes      expressions for new values: digests, numbers, and fakes
formats    other letters and digits in the same places
unique     keeps unique columns unique
rebuild    builds a new database from the copy
proof      verifies the result of every treatment
scan       scans untreated columns for personal data
plan       finds treatments that cannot work
inventory  what is no row: definitions, accounts, servers
text       quoting, literals, and the catalog queries
"""
