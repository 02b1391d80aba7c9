"""Runs of a pipeline.

control  starts, reads, stops, and cleans up runs
"""
