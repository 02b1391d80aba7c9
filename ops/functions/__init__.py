"""Lambda sources, one folder a function; deployed as text or zip, never imported by the workbench.

snapshots/        runs the states of a snapshot pipeline
policy_compiler/  compiles the policy of a self-contained snapshot pipeline
log_processor/    transforms Firehose batches of the log export
log_subscriber/   subscribes log groups to the export
log_compactor/    compacts exported logs with Athena
log_alerts/       judges alerts on exported logs
rollouts/         the controller of rollouts
shared/           what several of them use
"""
