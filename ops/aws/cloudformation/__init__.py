"""AWS CloudFormation: reads, deploys and deletes stacks.

stacks        stacks, change sets and events
deploy        stages a template, creates a change set, executes it
operations    waits for a stack operation and reports its events
resources     all stacks of an account and region, and the resources of a stack
whole_stacks  deploys one stack within a single step of a larger plan
"""
