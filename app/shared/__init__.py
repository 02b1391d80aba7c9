"""What the pages share: the frame, the components, the words.

session       settings and Cloud, cached for every page
navigation    the pages, their titles and addresses
sign_in       the sign-in in front of every page
access        the person at the page
components    errors, empty states, plans, progress
dialogs       dialogs that stay open across refreshes
tables        tables of plain text
statuses      word, icon and color of each status
words         times, sizes and names as text
drawn         charts that are drawn once for all viewers
work          plans that run in the background
work_panel    the progress of a background plan
rollout_runs  the controller of rollouts and its runs
"""
