"""Queries of CloudWatch Logs Insights, translated to SQL over `events`.

recognition  whether a text is such a query
tokens       its tokens, and errors with their position
values       fields, literals, and functions as SQL
expressions  expressions: operators, comparisons, function calls
parsing      the command `parse`: globs and regular expressions with groups
translation  commands as SELECTs
"""
