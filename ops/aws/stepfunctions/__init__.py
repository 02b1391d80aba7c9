"""AWS Step Functions: executions, their histories, and schedules.

executions  starts, stops, lists, and describes executions
events      assigns the events of a history to states
schedules   the schedules that start state machines
history     derives the state of each step from the history of an execution
visits      input, output, and attempts of each state
"""
