"""The page Audit.

views  the audit records and their filters
"""
