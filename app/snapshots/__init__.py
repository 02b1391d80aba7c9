"""The pages Snapshots and Snapshot pipeline.

views           the page's sections, from top to bottom
run             one run, updated live
step            one step of a run, with input, output, and attempts
state_machine   the diagram of a state machine
charts          the timeline of a run, durations of runs, and sizes of snapshots
restore         the restore dialog and its progress
pipeline_form   the form with the settings of a pipeline
review          the table of suggestions, decisions, and the policy that they make
pipeline_steps  preview, deployment, and deletion of a pipeline
"""
