"""SQL of a policy for MySQL 8 and MariaDB. `ops.snapshots.postgres` has the same modules for PostgreSQL.

compiler  compiles a policy to scripts for the MySQL client
treat     changes rows and columns, and restores triggers
fakes     expressions for new values: digests, numbers, and fakes
unique    keeps unique columns unique
proof     verifies the result of every treatment
scan      scans text columns for personal data
text      quoting, literals, and the catalog queries
"""
