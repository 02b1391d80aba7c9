"""Compaction: an hour's objects as Parquet beside them.

local   by this machine
athena  by the export's own function, with Athena
"""
