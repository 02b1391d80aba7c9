"""`slipway logs`: export and search CloudWatch logs.

explore     search, SQL, patterns, compaction, estimates
alerts      searches that are counted on a schedule
deployment  deploy and remove the export's stacks
coverage    which log groups are exported, and why not; subscribe, unsubscribe
canaries    the newest canary of each account and region
ledger      missing events, replay, backfill, retention
datasets    the datasets in S3, and the digests of CloudTrail
lines       how log lines are understood
results     code shared by commands that execute a plan
"""
