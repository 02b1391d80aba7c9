"""Support stacks of CDK pipelines: found, judged, cleaned up, and made unnecessary.

facts          what was read, and what could not be read; plain data
inventory      reads pipelines, stacks, buckets and keys of every account and region
fingerprints   how CDK's support stacks, buckets and keys are recognized
principals     which accounts may use a bucket or a key
liveness       a verdict for each bucket, key and stack, with its reasons
cleanup        plans a clean-up within its limits
cleanup_steps  the steps of a clean-up
recheck        checks a resource again just before a step acts
replication    the shared replication buckets and keys
migration      moves a pipeline to the shared buckets
cdk_code       the shared buckets as CDK code
lint           which support stacks a synthesized app would create
"""
