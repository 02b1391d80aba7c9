"""The state of all four jobs, as the overview and `slipway status` show it.

facts      what is read of each job
reading    reads the facts from AWS
attention  what needs attention, by urgency; pure
"""
