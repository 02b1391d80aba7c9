"""The page Overview.

views     every place read once, as tables
rollouts  the most recent runs of rollouts, and those that need attention
"""
