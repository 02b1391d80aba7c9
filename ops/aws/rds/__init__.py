"""Amazon RDS: instances, clusters and their snapshots.

databases  instances, clusters and snapshots, read
changes    restores, renames and deletes databases and snapshots
"""
