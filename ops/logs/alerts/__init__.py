"""Alerts on exported logs: a search that the export's function counts on a schedule, and a threshold.

model      an alert and its state, as one object in the bucket
query      the SQL that the function runs, written when an alert is created
installed  the function and topics of the export that writes to a dataset
changes    creates, tests, pauses, resumes, and deletes alerts
"""
