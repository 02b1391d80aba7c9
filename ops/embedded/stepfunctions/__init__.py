"""Step Functions: executions as AWS runs them.

executions  the life of an execution
calls       what a state machine calls, checked against its role
history     the history of an execution
language    Amazon States Language as strict as AWS
waits       task tokens and distributed Maps
"""
