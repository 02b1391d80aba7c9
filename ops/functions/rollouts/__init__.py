"""The controller of rollouts, deployed as a zip package together with `ops.rollouts.rules`.

handler     dispatches the state machine's actions
runs        the decision loop, waits, and operator commands
targets     deploys one target
rollback    rolls back one target
stacks      stacks and change sets of a target
references  values outside a stack that its template refers to
monitoring  reads alarms and metrics as evidence
locks       of rollouts and stacks, each for one run at a time
store       the controller's table and bucket
aws         clients for the central account and for target accounts
"""
