"""The page Log export.

views         selects the export that the page shows
pipeline      the live diagram of the pipeline
deployment    deploys, updates, and removes the export
coverage      the coverage of log groups
canaries      the canary of each account and region
ledger        ledger, failed records, backfill, and retention
ledger_chart  the ledger as a chart
data          cached data about exports
"""
