"""Hands-off rollouts: a file defines which stack is deployed where and in which order.

rules/      the rules that the simulator and the controller share; pure
source/     the rollout file and its template or CDK app on disk
prepare     prepares a run of a file
upload      uploads a run for the controller
previews    previews the changes of a run
draft       a rollout file generated from a few answers
writing     writes a drafted file and its template, once both are checked
simulator   a rollout on a simulated clock
scenarios   the faults and operator commands of a simulation, as text
calendar    the expected times of each stage
limits      how much of Step Functions' quotas a rollout can use
machine     the state machine, in Amazon States Language
package     the controller's deployment package, which contains the rules
controller  the deployed controller, and the stacks to deploy it
runs        starts, describes, and controls runs
"""
