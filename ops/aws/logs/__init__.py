"""CloudWatch Logs: groups, streams, subscriptions and old events.

groups            log groups, their retention, tags and subscriptions
streams           one stream, read as it grows
history           old events, by page or by export task
destinations      destinations and their access policies
account_policies  account-level subscription policies
audit_trail       the audit in a log group
"""
