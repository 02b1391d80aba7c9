"""Runs statements on loaded files with DuckDB: in this process, or in worker processes with limits.

A worker gets a job (statements and the files that they read) and returns Arrow batches. It has no
credentials, no network to use, and a cache that it can only read.

job        a job, its faults, and what an executor offers
local      runs jobs in this process
statements which statements may run, by DuckDB's own syntax tree
functions  which functions they may use
workers    the pool of worker processes
process    one worker process, as this process sees it
worker     what runs in a worker process
limits     the limits of a worker process, set by the operating system
sandbox    files that a worker process may read and write
wire       messages between this process and a worker process
"""
