"""The page Support stacks.

views    the inventory as summary, table and graph
actions  cleanup, shared buckets and migration
graph    pipelines, buckets, keys and stacks as a graph
"""
