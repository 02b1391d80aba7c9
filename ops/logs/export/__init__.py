"""The log export: its stacks, its health, and the checks that no event is lost.

deployment/    deploys, updates, and removes the stacks
coverage/      which log groups are exported; subscribing and unsubscribing them
ledger/        compares ingested with exported events, and counts missing ones
backfill/      exports events from before a group's subscription
canary         the event that proves the path of each account and region
installed      the export's stacks in an account and region
health         throughput, delay, and errors of each stage
error_records  the objects that Firehose writes to the error prefix
replay         puts failed records into the stream again
retention      costs, savings, and setting the retention of log groups
"""
