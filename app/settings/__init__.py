"""The page Settings.

views  connection, roles and permissions
"""
