"""Services whose overlay is one module.

kinesis       Kinesis
functions     Lambda
codepipeline  CodePipeline
regions       the Regions of an account
s3_copy       checksums of S3 copies
flow_metrics  metrics of the log flow
trail         CloudTrail events for new log groups
"""
