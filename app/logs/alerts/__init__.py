"""The view Alerts of the Logs page.

view  the alerts of the dataset, and the form that creates one
"""
