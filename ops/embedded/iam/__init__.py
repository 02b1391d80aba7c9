"""Roles that the emulated services assume.

identity       role sessions and their permissions
service_roles  permission checks for roles that are passed to services
"""
