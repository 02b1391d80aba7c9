"""Amazon Athena.

queries  tables, and queries with their progress, through awswrangler
results  results of queries as Arrow batches
"""
