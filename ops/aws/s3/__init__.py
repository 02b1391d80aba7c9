"""Amazon S3: buckets and the objects in them.

buckets     the buckets of an account and what each one holds, read
objects     objects by range of keys, for many threads
staging     Slipway's own private bucket for templates and packages
log_bucket  errors and state beside the events of the log bucket
emptying    deletes every version in a bucket, resumable
"""
