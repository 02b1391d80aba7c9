"""ECS on Fargate: tasks whose containers are local processes.

service     tasks as local processes
start       roles, secrets, volumes, and log streams of a task
network     what a task reaches in its VPC
containers  the containers of one task
runners     programs that replace container images
clients     database clients of a task that does not reach the database
"""
