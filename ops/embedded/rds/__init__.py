"""RDS: real PostgreSQL and MariaDB servers behind its API.

service    instances and their states
clusters   Aurora clusters
snapshots  snapshots taken, copied, shared and restored
changes    renames and managed passwords
common     storage, responses and delays that all share
access     the resource that each call is authorized on
servers    database servers, one an instance
postgres   PostgreSQL servers
mariadb    MariaDB servers
"""
