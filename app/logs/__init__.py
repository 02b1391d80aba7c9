"""The Logs page.

search_bar    search bar, time range, recent searches
views         histogram, facets, events, and patterns
event_list    the components of events and facets
sql_mode      SQL queries, their schema, and results
result_table  a query's result as a table
charts        the histogram, and the charts of saved queries
progress      the progress line and its Stop button
background    queries that run in background threads
data          datasets, and cached queries on them
state         the page's state in its URL
"""
