"""Sanitized snapshots of production databases.

policy/    what happens to each table and column
compiler   a policy as scripts in the SQL of its engine
postgres/  that SQL for PostgreSQL
mysql/     that SQL for MySQL and MariaDB
pipeline/  the pipeline that copies, sanitizes, proves and shares
runs/      its runs, and what they report and leave
restore/   a sanitized snapshot as a database
"""
