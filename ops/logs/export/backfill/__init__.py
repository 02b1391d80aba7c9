"""Backfill: export of events from before a group's subscription.

plan     plans a backfill, one step per group
objects  past events as objects in the bucket
state    the progress of each group's backfill
"""
