"""Runs of a pipeline: started, watched, reported, and what they leave.

control    starts, watches, stops and cleans up runs
report     the checks of a run
catalogue  databases, pipelines, sanitized snapshots and leftovers
"""
