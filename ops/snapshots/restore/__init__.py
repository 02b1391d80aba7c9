"""Restores the newest sanitized snapshot to a database with a stable name.

model   a restore: source, target, and the state of its databases
choice  selects the snapshot and fills in defaults
plan    plans a restore: create the new database, then rename and delete the old one
"""
