"""Hands-off rollouts: a file says what goes where in which order.

rules/      what simulator and controller decide by; pure
source      the rollout file and its template on disk
draft       a rollout file from a few answers
simulator   a rollout on a fake clock
scripts     the faults and commands of a simulation, as text
calendar    when each stage is expected
limits      how much of Step Functions' limits a rollout may take
machine     the state machine, in Amazon States Language
package     the controller's zip, with the rules in it
controller  the controller as it is deployed, and its stacks
runs        prepares, previews, starts, watches and controls runs
"""
