"""The Lambda function that subscribes log groups to the export.

handler  subscribes and unsubscribes log groups
"""
