"""What the handler of the rollouts' state machine is made of; packed into one zip with the pure rules.

aws         clients here and, through the target role, in every target account
store       what the engine remembers: a table of states, a bucket of documents
stacks      CloudFormation as the engine needs it: one stack, its identity, its change sets
targets     the states of one target on its way forward
undo        one target on its way back
watching    alarms and metrics → what the rules judge
runs        the decision loop, waits, orders, successors of executions that were killed
"""
