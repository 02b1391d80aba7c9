"""The generated pages of the reference: `python -m tests.reference` writes them, a test holds them current.

pages        the pages by name
commands     the command line, from its help
permissions  the IAM permissions of each job
alarms       the alarms of the templates, and their metrics
"""
