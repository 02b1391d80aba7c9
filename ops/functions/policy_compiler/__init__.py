"""The Lambda function that compiles the policy of a self-contained snapshot pipeline, deployed as a zip.

handler  the custom resource: compiles the policy and stores its scripts
"""
