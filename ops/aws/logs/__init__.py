"""CloudWatch Logs: log groups, streams, subscriptions, and past events.

groups            log groups, their retention, tags, and subscription filters
streams           events of one log stream
history           past events, by page or by export task
destinations      destinations and their access policies
account_policies  account-level subscription filter policies
audit_trail       the audit log in a log group
"""
