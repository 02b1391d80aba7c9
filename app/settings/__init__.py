"""The page Settings.

views   connection, roles, permissions, and settings
checks  the checks of `slipway doctor`
"""
