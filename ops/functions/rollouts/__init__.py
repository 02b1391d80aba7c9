"""The controller of rollouts, deployed as a zip together with `ops.rollouts.rules`.

handler   one action a state
runs      the decision loop, waits and operator commands
targets   one target on its way forward
undo      one target on its way back
stacks    stacks and change sets of a target
watching  alarms and metrics as evidence
store     the controller's table and bucket
aws       clients here and in target accounts
"""
