"""Firehose: delivery streams from Kinesis or Direct PUT to S3.

service    the API of delivery streams
source     records from Kinesis or Direct PUT
processor  invokes the processor function
delivery   buffers, partitions, and writes records
objects    keys and contents of delivered objects
log        the error log of a destination
"""
