"""The Streamlit app: the entry point, code that pages share, and one folder per page.

serve            the entry point: the program that serves the pages, its log, and errors that no page caught
main             the script: sign-in, navigation, and the frame of every page
shared/          code that pages share
overview/        Overview
snapshots/       Snapshots and Snapshot pipeline
rollouts/        Rollouts
support_stacks/  Support stacks
logs/            Logs
log_export/      Log export
settings/        Settings
audit/           Audit

A page's folder never imports another page's.
"""
