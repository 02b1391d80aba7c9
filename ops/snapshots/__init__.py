"""Sanitized snapshots of production databases.

policy/    what happens to each table and column
report     the checks of a run, as the sanitizing task reports them
compiler   a policy as scripts in the SQL of its engine
postgres/  that SQL for PostgreSQL
mysql/     that SQL for MySQL and MariaDB
pipeline/  the pipeline that copies, sanitizes, proves and shares
runs/      its runs: started, watched, stopped, cleaned up
restore/   a sanitized snapshot as a database
"""
