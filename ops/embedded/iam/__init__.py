"""Roles that the emulated services assume.

identity       role sessions and their permissions
simulation     the policy simulator
service_roles  permission checks for roles that are passed to services
"""
