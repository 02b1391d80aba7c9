"""`slipway setup`: Slipway's own stacks.

own           deploys them, or prints their templates
organization  the roles and the settings for every account of an organization
"""
