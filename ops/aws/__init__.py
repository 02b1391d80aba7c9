"""Access to AWS: `Cloud`, then one typed module or folder per service. No other code uses boto3.

cloud            clients by service, account, and region; assumed roles, retries, endpoint
calls            botocore errors translated to `ops.errors`, by error code
client/          what every client does: recovery from an outage, role sessions that name the person, a log
readings         what was read, what was not and why, and sums over both
pace             rate limiting of calls across threads, and pauses before retries
athena/          tables and queries, and their results as Arrow batches
cloudformation/  read, deploy, watch, and delete stacks
cloudwatch/      metrics and alarms
inspection/      what `slipway doctor` asks, and recording the answers
logs/            log groups, streams, subscription filters, and past events
rds/             DB instances, clusters, and their snapshots
s3/              buckets and objects
stepfunctions/   executions, their histories, and schedules
cloudtrail       the public keys of CloudTrail's digests
codepipeline     pipelines and their artifact stores
dynamodb         items of a partition
iam              the current principal, roles, and the policy simulator
kinesis          put records, with retries
kms              keys, their policies and aliases; scheduled deletion
lambdas          invoke a function
network          subnets
organizations    accounts by organizational unit or tag
regions          the regions of an account
tagged           resources by tag
"""
