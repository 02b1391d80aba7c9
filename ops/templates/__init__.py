"""One module a stack: troposphere to template, pure."""
