"""`slipway snapshots`: sanitized snapshots.

pipelines  pipelines and their runs
report     logs, reports, and suggestions of runs
restore    restores a snapshot
"""
