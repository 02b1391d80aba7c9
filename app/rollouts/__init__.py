"""The page Rollouts.

views     the list of runs, and the live run
planning  editor, calendar, simulation and start
form      the form that drafts a rollout file
charts    the grid and the timeline
"""
