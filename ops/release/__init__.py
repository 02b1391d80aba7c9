"""Self-contained templates for `dist/`: anybody deploys them from the console, without Slipway.

catalog     the templates, with labels of their parameters and the next steps
standalone  a template with version, groups, next steps, and functions inline
costs       what each template costs a month, at three sizes
write       the files and their checksums
"""
