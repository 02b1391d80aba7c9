"""Amazon S3: buckets and the objects in them.

buckets     the buckets of an account, their properties and contents
objects     objects by key range, thread-safe
staging     Slipway's private bucket for templates and packages
emptying    deletes every version in a bucket; can be run again
"""
