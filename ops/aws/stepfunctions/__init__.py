"""AWS Step Functions: executions, and their histories as states.

executions  starts, stops, lists and describes executions
history     an execution's history as the state of each step
"""
