"""Code that pages share.

session       settings and Cloud, cached for all pages
navigation    the pages, with titles and URLs
address       the choices that a page's address contains
shortcuts/    keyboard shortcuts of every page
time_zone     the time zone of all pages, and the formats of times
sign_in       sign-in before every page
access        the current user
components    errors, empty states, plans, and buttons
dialogs       dialogs that stay open across reruns
tables        tables of plain text
statuses      label, icon, and color of each status
words         formatting of durations, sizes, and names
charts        charts that are cached for all sessions, and texts in graphs
flow/         diagrams of steps, with zoom, pan, and selection
scans         reads in the background, whose latest result all sessions share
plans/        plans that run in the background, and their progress
rollout_runs  the rollout controller and its runs
inventory     the inventory of support stacks
"""
