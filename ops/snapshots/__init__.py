"""Sanitized snapshots: pipeline, runs, catalogue."""
