"""CloudWatch Logs: events, subscriptions, destinations, and export tasks.

extending             actions and state of our own
events                PutLogEvents and its limits
reads                 FilterLogEvents with pages
exports               export tasks
tags                  log groups in the tagging API
access                the resource on which each call is authorized
account_policies      account-level subscription filter policies
destinations          destinations and their policies
subscriptions         subscription filters and delivery
subscription_records  the records that subscribers receive
filter_pattern        filter patterns
"""
