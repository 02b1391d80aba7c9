"""The page Overview.

views     databases, snapshot pipelines, accounts, and recent changes
rollouts  the latest rollouts, and those that need attention
"""
