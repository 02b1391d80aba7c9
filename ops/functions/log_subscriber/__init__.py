"""The Lambda function that subscribes log groups to the export.

handler  subscribes and unsubscribes log groups
canary   writes the canary, and counts those that no longer arrive in the bucket
"""
