"""The loss ledger: compares ingested with exported events, and counts missing ones.

model     the rows of the ledger, and how events are matched
counting  counts events in CloudWatch, in error objects, and in the bucket
exported  counts events in the bucket with a query engine
reader    reads what the ledger, backfill, and retention need
"""
