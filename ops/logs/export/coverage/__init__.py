"""Coverage: which log groups are exported, why others are not, and subscribing them.

reading         reads every log group of every account and region
facts           what applies to all log groups of an account and region
verdicts        whether a log group is exported, and why not
subscriptions   plans that subscribe and unsubscribe log groups
subscribed      which log groups are exported, and since when
subscriber_log  the log groups that the subscriber failed to subscribe
last_events     the time of each log group's last exported event
seen            whether events of a subscribed log group arrive in the bucket
"""
