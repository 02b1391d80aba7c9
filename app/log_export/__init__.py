"""The page Log export.

views         the exports, and which one is shown
pipeline      the live picture of the pipeline
deployment    deploying, updating and removing the export
coverage      the coverage of log groups
ledger        ledger, failed records, backfill and retention
ledger_chart  the ledger as a chart
data          the exports, and cached readings of them
"""
