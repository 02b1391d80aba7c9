"""Deployment of the export's stacks in many accounts and regions.

plan        plans that deploy, update, and remove the stacks
parameters  the parameters of each stack
actions     the IAM actions that the stacks' resources need
stacks      the central stack and the member stacks
deployed    the stacks as they are deployed
package     the deployment package (zip) of the processor function
"""
