"""The page Overview.

views     every place read once, as tables
rollouts  the last rollouts, and those that need attention
"""
