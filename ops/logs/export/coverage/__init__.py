"""Coverage: which log groups are exported, why others are not, and subscribing them.

reading         reads every log group of every account and region
facts           what applies to all groups of a place
verdicts        is a group exported, and why not
subscriptions   plans to subscribe and unsubscribe groups
subscribed      which groups are exported, and since when
subscriber_log  the groups that the subscriber could not subscribe
last_events     when each group's last event arrived
"""
