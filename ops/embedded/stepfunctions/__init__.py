"""Step Functions: executions as AWS runs them.

executions  the life of an execution
calls       the calls of a state machine, checked against its role
history     the history of an execution
language    Amazon States Language, as strict as on AWS
waits       task tokens and distributed Maps
"""
