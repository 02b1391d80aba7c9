"""`slipway rollouts`: deploy a stack to many accounts and Regions in waves, with automatic rollback.

setup          deploys the controller, and the roles in target accounts
own            drafts rollout files for Slipway's own stacks
own_snapshots  the parameters of snapshot pipelines in many accounts and Regions
files          validates, plans, and simulates rollout files
running        starts, shows, and controls runs
"""
