"""The page Audit.

views  the records, and their search
"""
