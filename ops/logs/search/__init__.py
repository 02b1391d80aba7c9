"""Queries as data, the seam to the query engines, and the form of the results.

model           a search as data
query           a query as data
cursor          what a query engine offers: `run(query) -> Cursor`
estimate        what a query reads, takes, and costs on each engine
language/       the language of the search bar
insights/       queries of CloudWatch Logs Insights as SQL
time_ranges     relative and absolute time ranges
sql             a query as SQL over `events`
sql_check       checks SQL that a user wrote
conditions      a search's condition as SQL
folding         how texts are compared when case is ignored
message_fields  the fields of messages: in JSON, or as `name=value`
message_filter  which message patterns can match a filter
clicks          a click on a value, added to a condition
exploration     the queries that pages, commands, and notebooks run
patterns        message patterns, grouped, and compared with a baseline
deltas          what distinguishes the events of a time range from the rest
saved/          the queries of the folder `queries/`, and those of a team
output          results as CSV and Parquet
"""
