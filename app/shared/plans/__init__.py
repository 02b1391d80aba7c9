"""Plans that run in the background.

runs   the plans of this process
panel  the progress of a running plan
"""
