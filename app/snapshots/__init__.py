"""The pages Snapshots and Snapshot pipeline.

views           the page's sections, from top to bottom
run             one run, live
state_machine   a state machine as a graph
charts          the timeline of a run
restore         the restore dialog and its progress
pipeline_form   the form of a pipeline
pipeline_steps  preview, deployment and deletion of a pipeline
"""
