"""Support stacks of CDK pipelines: inventory, usage, cleanup, and the shared buckets that replace them.

facts          what an inventory reads, and what it could not read; plain data
inventory      reads the pipelines, stacks, buckets and keys of every account and region
blind_spots    failed reads that prove that there is nothing to read
fingerprints   recognizes the support stacks, buckets and keys that CDK creates
principals     which accounts may use a bucket or a key
liveness       decides whether each bucket, key and stack is in use, and why
cleanup        plans a cleanup and enforces its limits
cleanup_steps  the steps of a cleanup, and what the preview shows of each
deletion       what the steps do: check a resource again, then act on it
replication    deploys the shared replication buckets and keys
migration      guides a pipeline to the shared buckets
cdk_code       prints the shared buckets as CDK code
lint           lists the support stacks that a synthesized app would create
"""
