"""The Lambda function that Firehose calls for each batch of the log export.

handler  records in, lines of the dataset out
"""
