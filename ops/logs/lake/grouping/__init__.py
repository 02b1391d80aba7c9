"""Groups of message patterns: patterns that differ only in names, hosts, paths, or quoted values are one.

A part stores the pattern of each message with its digits masked (`ops.logs.lake.patterns`), and the search
relies on that text. Groups are made when patterns are compared, from the distinct patterns of the range: tens
to thousands, whatever the number of events.

words   splits a pattern into words, with everything masked that is variable by its form
tree    groups the patterns whose words differ only where many values occur
memory  the groups that were found before, so that a pattern keeps its group in every time range
"""
