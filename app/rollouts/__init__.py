"""The page Rollouts.

views     the runs: list, live state, log
commands  the operator commands, and the freeze of all rollouts
planning  the rollout file: editor, calendar, simulation, start
form      the form that creates a rollout file
stages    the stages of a run as a diagram, with the gate they wait for
charts    the grid of targets, and the timeline of stages
"""
