"""CloudFormation templates, one folder per stack, generated with troposphere. Pure.

access/          Slipway's IAM roles, and the stack that runs its pages
logs/            the log export
rollouts/        the rollout controller, and the roles of its targets
snapshots/       a snapshot pipeline
support_stacks/  the shared replication bucket and key of a region
functions        a Lambda function as a single source file
machines         a state machine with its function, log groups, and roles
parameters       the parameters of a stack
policies         building blocks of IAM policies, and accepted linter findings
"""
