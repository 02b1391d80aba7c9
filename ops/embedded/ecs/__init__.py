"""ECS on Fargate: tasks whose containers are local processes.

service     tasks as local processes
start       roles, secrets, volumes, and log streams of a task
containers  the containers of one task
runners     programs that replace container images
"""
