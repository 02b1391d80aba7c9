"""SQL of a policy for PostgreSQL. `ops.snapshots.mysql` has the same modules for MySQL and MariaDB.

compiler  compiles a policy to scripts for psql
treat     changes rows and columns, and restores triggers and foreign keys
fakes     expressions for new values: digests, numbers, and fakes
unique    keeps unique columns unique
proof     verifies the result of every treatment, and scans for personal data
text      quoting, literals, and the catalog queries
"""
