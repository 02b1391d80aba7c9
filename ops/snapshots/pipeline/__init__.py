"""Pipelines: what there is, settings, state machine, and the checks before a run.

model      a pipeline's settings, their checks, and its stack
machine    the state machine, in Amazon States Language
preflight  what would work and what would fail, before a run
forecast   how long a run will take and what it will cost
setup      sets up or changes a pipeline
catalogue  databases, pipelines, sanitized snapshots and leftovers
"""
