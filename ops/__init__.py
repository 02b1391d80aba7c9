"""What Slipway does, without the pages.

errors, settings, plan, audit   the ground floor
aws/                            the only door to AWS: the Cloud, then one module a service
templates/                      one module a CloudFormation stack, pure
functions/                      Lambda sources, read as text, never imported
snapshots/                      sanitized snapshots of production databases
logs/                           log export, its bucket's layout, search in it
support_stacks/                 what CDK pipelines leave behind
rollouts/                       deployments in waves, watched, rolled back by themselves
embedded/                       the embedded cloud: an AWS on this machine
cli                             `python -m ops`: everything that a page can do
"""
