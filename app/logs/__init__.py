"""The page Logs.

search_bar    query, time range, recent searches
views         histogram, facets, events and patterns
event_list    the components of events and facets
sql_mode      SQL queries, their schema and results
result_table  a query's result as a table
charts        the histogram and the charts of saved queries
progress      the progress line and Stop
questions     questions that are answered in the background
data          exported logs, and cached answers about them
state         the page's state in its address
"""
