"""Roles that the emulated services act under.

identity       roles of services, and their rights
service_roles  acting under a role that was passed
"""
