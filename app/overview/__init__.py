"""The page Overview: the state of all four jobs, what needs attention, and what changed.

reader     the status of all jobs, read in the background
cards      one card for each job
attention  what needs attention, the most urgent first
activity   recent changes, and what was read of each account
"""
