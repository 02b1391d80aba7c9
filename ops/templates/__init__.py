"""CloudFormation templates, one folder a stack: troposphere to template, pure.

access/          Slipway's roles, and the stack that runs its pages
logs/            the log export
rollouts/        the controller of rollouts, and the roles of its targets
snapshots/       a snapshot pipeline
support_stacks/  the shared replication bucket and key of a Region
functions        a Lambda function as one source file
machines         a state machine with its function, log groups and roles
policies         pieces of IAM policies, and accepted findings of linters
"""
