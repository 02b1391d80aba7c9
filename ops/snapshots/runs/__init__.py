"""Runs of a pipeline.

control  starts, reads, stops, and cleans up runs
usual    how long runs and their steps usually take
"""
