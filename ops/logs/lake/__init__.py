"""What is in the log bucket: its layout, its objects, and how their bytes become events.

layout       the keys of the bucket: the one place that knows them
store        a bucket, or a folder that holds a copy of one
listing      from a search's scope to the objects to read
manifest     which Parquet parts replace which objects of an hour
ready_hours  hours whose parts are known to be in the cache
cache        a bounded folder of files, shared by processes
gzipped      gzip as it is found in buckets
readers      an object's bytes to events, for every format
raw_lines    the raw format, parsed over a whole buffer
buffers      text columns as one buffer and offsets
patterns     message patterns: text with its variables masked, and the level
parts        events to one sorted Parquet part
"""
