"""The Streamlit app: the entry point, what pages share, and one folder a page.

main             the entry point: sign-in, navigation, the frame around every page
shared/          what the pages share
overview/        Overview
snapshots/       Snapshots, and Snapshot pipeline
rollouts/        Rollouts
support_stacks/  Support stacks
logs/            Logs
log_export/      Log export
settings/        Settings
audit/           Audit

A page's folder never imports another page's.
"""
