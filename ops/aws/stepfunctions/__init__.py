"""AWS Step Functions: executions and their histories.

executions  starts, stops, lists, and describes executions
history     derives the state of each step from the history of an execution
"""
