"""The sanitization policy: the treatment of each table and column.

model       tables, columns, and treatments, parsed from TOML
names       names of tables and columns, with quotes where they need them
text        applies suggestions to a policy file and keeps its comments
suggest     suggests treatments for columns that the policy does not list
classifier/ classifies columns by name, type, table, and values
findings    the patterns of the scan after the treatment
fakes       words and number ranges of the fakes
scripts     a SQL script that the sanitizing task runs
"""
