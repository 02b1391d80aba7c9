"""The only users of boto3: the Cloud, then one small typed module a service."""
