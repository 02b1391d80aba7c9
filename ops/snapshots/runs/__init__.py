"""Runs of a pipeline.

control  starts, watches, stops and cleans up runs
"""
