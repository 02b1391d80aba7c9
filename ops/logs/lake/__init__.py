"""The contents of the log bucket: its layout, its objects, and how they become events.

layout       the S3 keys; no other module knows them
store        the bucket of a dataset, and the operations that it needs
listing      lists the objects to read for a scope
manifest     which Parquet parts replace which objects of an hour
ready_hours  remembers which cached parts hold an hour's objects
cache        a bounded folder of files, shared by processes
gzipped      decompresses gzip, including truncated and multi-member files
readers      parses an object's bytes into events, for every format
raw_lines    parses the raw format, a whole buffer at a time
buffers      text columns as one buffer with offsets
rules        the rules of patterns and times
patterns     message patterns: messages with their numbers and IDs masked
grouping/    groups of patterns that differ only in names
lines/       what a line says: its level, time, fields, and kind
parts        writes events as one sorted Parquet part
"""
