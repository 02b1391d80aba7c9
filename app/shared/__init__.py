"""Code that pages share.

session       settings and Cloud, cached for all pages
navigation    the pages, with titles and URLs
sign_in       sign-in before every page
access        the current user
components    errors, empty states, plans, and buttons
dialogs       dialogs that stay open across reruns
tables        tables of plain text
statuses      label, icon, and color of each status
words         formatting of times, sizes, and names
dot           texts in the DOT language of Graphviz
charts        charts that are cached for all sessions
plan_runs     plans that run in the background
plan_panel    the progress of a running plan
rollout_runs  the rollout controller and its runs
"""
