"""The logs that AWS services and other exporters write to S3: their keys, and their records as events.

A dataset type is one row of `table.TYPES`: its key layouts, its reader, and its Athena table. Every record
becomes an event of the relation `events`: its message is a JSON object of named fields (or the line itself,
for plain lines), so that the query language, saved queries, and both query engines need nothing else.

table          the dataset types
model          what a dataset type is
keys           the layouts of S3 keys: folders, times, and key ranges
listing        lists the objects of a dataset
detection      which datasets a bucket has
reading        an object's records as events
fields         texts as named values
text           records of one line each, with positional fields
records        records in JSON
flow_logs      VPC flow logs, as text and Parquet
lines          plain lines, export tasks, and Firehose
digests        the validation of CloudTrail's digests
athena_tables  the Athena tables
athena_events  their rows as events
creation       creates them
"""
