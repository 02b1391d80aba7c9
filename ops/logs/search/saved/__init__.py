"""Saved queries, and dashboards of them.

queries     the queries of the folder `queries/`, and those of a team
dashboards  the dashboards of these folders: panels that show saved queries
saving      saves a query of a team
"""
