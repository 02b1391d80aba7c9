"""Sanitized snapshots of production databases.

adoption      replaces the stacks of RDS-sanitized-snapshots and of its CDK construct
policy/       the sanitization policy: the treatment of each table and column
report        the checks that the sanitizing task reports
compiler      compiles a policy to SQL scripts for its database engine
script_files  the files that the sanitizing task copies from S3
postgres/     the SQL for PostgreSQL
mysql/        the SQL for MySQL and MariaDB
pipeline/     the pipeline that copies, sanitizes, verifies, and shares
runs/         starts, reads, stops, and cleans up runs of a pipeline
restore/      restores a sanitized snapshot to a database
"""
