"""What is asked of the logs: searches, queries, time ranges, and the form of the results.

model           a search as data
query_parser    the language of the search bar
time_ranges     relative and absolute time ranges
sql             a search as SQL over `events`
pattern_filter  which message patterns can match a filter
exploration     the questions that pages, commands and notebooks ask
saved_queries   the queries of the folder `queries/`
output          results as CSV and Parquet
"""
