"""The page Rollouts.

views     the runs: list, live state, operator commands, log
planning  the rollout file: editor, calendar, simulation, start
form      the form that creates a rollout file
charts    the grid of targets, and the timeline of stages
"""
