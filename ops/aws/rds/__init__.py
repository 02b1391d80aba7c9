"""Amazon RDS: instances, clusters, and their snapshots.

databases  reads instances, clusters, and snapshots
changes    restores, renames, and deletes databases and snapshots
"""
