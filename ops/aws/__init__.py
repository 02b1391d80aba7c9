"""The only users of boto3: the Cloud, then one small typed module or folder a service.

cloud            clients by service, account and region: assumed roles, retries, endpoint
calls            botocore's errors as ours, matched by code
pace             calls at a service's rate, shared by threads
cloudformation/  stacks read, deployed, followed and deleted
cloudwatch/      metrics and alarms
logs/            log groups, streams, subscriptions and old events
rds/             instances, clusters and their snapshots
s3/              buckets and the objects in them
stepfunctions/   executions, and their histories as states
athena           queries, their progress and their results as Arrow
codepipeline     pipelines and where they keep their artifacts
dynamodb         the items of one partition
iam              who we are in an account, and what we may do
kinesis          puts records until the stream has taken them all
kms              keys, their policies and aliases, and scheduling their deletion
lambdas          invokes a function
network          subnets, as a form offers them
organizations    the accounts of an organizational unit or a tag
regions          the Regions that an account has enabled
tagged           resources by tag
"""
