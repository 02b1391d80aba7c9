"""The page Settings.

views  connection, roles, permissions, and settings
"""
