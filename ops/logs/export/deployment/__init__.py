"""Deploying the export's stacks in many accounts and regions.

plan        plans a deployment in many accounts and regions
parameters  the parameters of each stack
actions     the IAM actions that the stacks' resources need
stacks      the central stack and the member stacks
deployed    the stacks that exist, in every place
package     the zip of the processor function
"""
