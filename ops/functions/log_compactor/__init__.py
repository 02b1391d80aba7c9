"""The Lambda function that compacts exported logs with Athena; deployed as one source file.

handler  compacts the hours that are over
athena   runs one query to its end
objects  listings and manifests in the bucket
queries  the SQL of one hour
"""
