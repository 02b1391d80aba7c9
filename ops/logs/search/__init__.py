"""Queries as data, the seam to the query engines, and the form of the results.

model           a search as data
query           a query as data
cursor          what a query engine offers: `run(query) -> Cursor`
estimate        what a query reads, takes, and costs on each engine
query_parser    the language of the search bar
time_ranges     relative and absolute time ranges
sql             a query as SQL over `events`
sql_check       checks SQL that a user wrote
message_filter  which message patterns can match a filter
exploration     the queries that pages, commands, and notebooks run
saved_queries   the queries of the folder `queries/`
output          results as CSV and Parquet
"""
