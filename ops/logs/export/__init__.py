"""The export: its stacks, its health, and proof that nothing is missing.

deployment/    deploys, updates and removes the stacks
coverage/      which log groups are exported, and subscribing them
ledger/        events counted on both sides, and what is missing
backfill/      events from before a group's subscription
installed      the export's stacks in an account and region
health         throughput, delay and errors of each stage
error_records  what Firehose writes under the error prefix
replay         failed records, put into the stream again
retention      what retention costs, and setting it
"""
