"""RDS: real PostgreSQL and MariaDB servers behind its API.

service    instances and their states
clusters   Aurora clusters
snapshots  create, copy, share, and restore snapshots
changes    renames and managed passwords
common     storage, responses, and delays that all modules share
access     the resource on which each call is authorized
servers    database servers, one for each instance
postgres   PostgreSQL servers
mariadb    MariaDB servers
"""
