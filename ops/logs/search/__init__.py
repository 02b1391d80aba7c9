"""Searches, saved queries, and time ranges, and the form of the results.

model           a search as data
query_parser    the language of the search bar
time_ranges     relative and absolute time ranges
sql             a search as SQL over `events`
message_filter  which message patterns can match a filter
exploration     the queries that pages, commands, and notebooks run
saved_queries   the queries of the folder `queries/`
output          results as CSV and Parquet
"""
