"""The Lambda function that judges alerts on exported logs; deployed as one source file.

handler   judges every window that is due, and sends notices
judging   the rules: windows, statuses, notices
counting  counts the events of a window with Athena
store     reads and writes alerts, conditionally
notices   the text of a notice
"""
