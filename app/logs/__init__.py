"""The Logs page.

datasets      the choice of the datasets that are searched
search_bar    search bar, time range, recent searches
views         histogram, facets, and the list of events
window        the pages of events in the browser
patterns_view  message patterns
deltas_view   what distinguishes a range from the rest
dashboard_view  dashboards of saved queries
alerts/       alerts of searches
live_view     new events straight from CloudWatch Logs
event_list    the components of events and facets
sql_mode      SQL queries, their schema, and results
result_table  a query's result as a table
charts        the histogram, and the charts of saved queries
progress      the progress line and its Stop button
background    queries that run in background threads
slots         how many of them run at a time
data          datasets, and cached queries on them
state         the page's state in its URL
"""
