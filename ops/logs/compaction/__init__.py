"""Compaction: an hour's objects rewritten as a few Parquet parts.

local   on this machine
athena  with the export's Lambda function and Athena
"""
