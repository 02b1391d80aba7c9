"""What several Lambda functions use.

athena            one query on Athena
custom_resources  the response of a custom resource
records           records in the log
tasks             the outcome of a task of a state machine, and its record in the log
"""
