"""Refuses requests that violate limits which AWS documents and botocore's models do not state.

problems   what a rule answers
rules      the rules, by service and operation
functions  Lambda: environment, code, sizes
machines   Step Functions: definitions
language   the fields of the states in a definition
tasks      ECS: task definitions and tasks
databases  RDS: passwords, names, storage, and what a request refers to
buckets    Amazon S3: owners, names, sizes, and the KMS keys of objects
keys       KMS keys that a service uses for its caller
streams    Kinesis and Firehose
schedules  EventBridge: schedule expressions and rules
documents  IAM: the grammar of policies
names      names and sizes of other services
tags       tags of every service
stacks     the same limits for the resources of a stack
"""
