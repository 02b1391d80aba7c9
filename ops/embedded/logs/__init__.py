"""CloudWatch Logs: events, subscriptions, destinations and export tasks.

events                PutLogEvents and its limits
reads                 FilterLogEvents by page
exports               export tasks
tags                  log groups in the tagging API
access                the resource that each call is authorized on
account_policies      account-level subscription policies
destinations          destinations and their policies
subscriptions         subscription filters and delivery
subscription_records  the records that subscribers receive
filter_pattern        filter patterns
"""
