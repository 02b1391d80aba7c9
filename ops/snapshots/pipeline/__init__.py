"""Snapshot pipelines: settings, stack, state machine, and preflight checks.

model      a pipeline's settings, their validation, and its stack
machine    the state machine, in Amazon States Language
preflight  checks a pipeline before a run
forecast   estimates the duration and cost of a run
package    the zip of the function that compiles a policy inside of a stack
setup      sets up or changes a pipeline
catalog    lists databases, pipelines, sanitized snapshots, and leftover resources
"""
