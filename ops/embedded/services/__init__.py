"""Services with one overlay module.

kinesis       Kinesis
functions     Lambda
codepipeline  CodePipeline
regions       an account's Regions
quotas        quotas that services report
s3_copy       checksums of S3 copies
flow_metrics  metrics of the log flow
trail         CloudTrail events for new log groups
"""
