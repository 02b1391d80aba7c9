"""The loss ledger: events counted on both sides of the export, and what is missing.

model     rows of the ledger, and how events are matched
counting  counts events in CloudWatch, in errors and in the dataset
exported  counts the dataset's events with a query engine
reader    reads ledger, backfill and retention together
"""
