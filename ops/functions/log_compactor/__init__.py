"""The Lambda function that compacts exported logs with Athena; deployed as one source file.

handler  compacts the hours that are complete
objects  lists objects, and reads and writes manifests
queries  the SQL for one hour
"""
