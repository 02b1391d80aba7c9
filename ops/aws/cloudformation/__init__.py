"""AWS CloudFormation: reads, deploys and deletes stacks.

adoption          deploys a stack beside that of another tool, then deletes one of the two
stacks            stacks, their changes and events
change_sets       creates, reads and deletes change sets
deploy            plans that stage a template, create a change set, and execute it
operations        waits for a stack operation and reports its events
resources         all stacks of an account and region, and the resources of a stack
template_changes  what a deployment would change, read from the templates only
"""
