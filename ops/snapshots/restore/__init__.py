"""Restoring a sanitized snapshot under a name that stays.

model   the parts of a restore
choice  which snapshot, and sensible defaults
plan    plans a restore: beside the old database, then in its place
"""
