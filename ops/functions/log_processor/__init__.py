"""The Lambda function with which Firehose transforms the records of the log export.

handler  subscription records in, log lines out
"""
