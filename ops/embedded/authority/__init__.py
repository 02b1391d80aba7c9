"""What AWS refuses although the caller may perform the action itself.

requests        checks of each request
stacks          permissions that CloudFormation needs for a stack
resources       the resources that a request is checked on
condition_keys  condition keys of a request
passed_roles    roles that a request passes to a service
documents       principals, sizes, and names in IAM
reference       resource types and condition keys of each action
"""
