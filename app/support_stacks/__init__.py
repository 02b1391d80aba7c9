"""The page Support stacks.

views    the inventory as sentence, table and graph
actions  clean-up, shared buckets and migration
graph    pipelines, buckets, keys and stacks as a graph
scan     the inventory, read in the background
"""
