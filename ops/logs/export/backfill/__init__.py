"""Backfill: events from before a group's subscription.

plan     plans a backfill, one step a group
objects  old events as objects of the dataset
state    how far each group's backfill is
"""
