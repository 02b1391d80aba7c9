"""CloudWatch: metrics and alarms.

metrics  sums and series of many metrics in few calls
alarms   the state of alarms
"""
