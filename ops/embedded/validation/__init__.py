"""Refuses requests that violate botocore's service models, as AWS does before it looks at any resource.

requests     reads the operation and its parameters from a request, for each protocol but S3's
constraints  compares parameters with the constraints of their shapes
refusals     AWS's answer to a request with violations, for each protocol
service      validates in front of the emulator's services, also against the documented limits
"""
