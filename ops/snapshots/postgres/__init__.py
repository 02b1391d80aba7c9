"""SQL of a policy for PostgreSQL. `ops.snapshots.mysql` has the same modules for MySQL and MariaDB.

compiler   compiles a policy to scripts for psql
treat      changes rows and columns, and restores triggers and foreign keys
subset     keeps a part of the rows, with valid keys
documents  values inside JSON documents
fakes      expressions for new values: digests, numbers, and fakes
formats    other letters and digits in the same places
unique     keeps unique columns unique
proof      verifies the result of every treatment
scan       scans untreated columns for personal data
owners     makes the master user a member of every owner
plan       finds treatments that cannot work
rebuild    builds a new database from the copy
rewrite    rewrites tables and statistics
inventory  what is no row: definitions, roles, large objects
text       quoting, literals, and the catalog queries
"""
