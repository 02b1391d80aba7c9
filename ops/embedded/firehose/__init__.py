"""Firehose: delivery streams from Kinesis or direct puts to S3.

service    the API of delivery streams
source     records from Kinesis or direct puts
processor  calls the processor function
delivery   buffers, partitions and writes
objects    names and contents of delivered objects
log        the error log of a destination
"""
