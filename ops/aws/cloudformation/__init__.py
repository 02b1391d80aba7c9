"""CloudFormation: stacks read, deployed, followed and deleted.

stacks        stacks, change sets and events, read
deploy        stages a template, previews it as a change set, executes it
operations    waits for a stack operation event by event
resources     every stack of a place, and the resources in each
whole_stacks  deploys one stack as a single step of a larger plan
"""
