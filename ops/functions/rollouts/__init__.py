"""The controller of rollouts, deployed as a zip package together with `ops.rollouts.rules`.

handler     dispatches the state machine's actions
runs        the decision loop, waits, and operator commands
hooks/      calls the hooks of stages
assets      the files, images, and bootstrap stack that a target needs
targets     deploys one target
preview     previews one target
rollback    rolls back one target
stacks      stacks and change sets of a target
recorded    a stack as it was, and what differs from it
references  values outside a stack that its template refers to
outside     reads these values, and compares them
monitoring  reads alarms and metrics as evidence
locks       of rollouts and stacks, each for one run at a time
store       the controller's table and bucket
aws         clients for the central account and for target accounts
"""
