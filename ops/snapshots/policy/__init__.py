"""The sanitization policy: the treatment of each table and column.

model       the policy, parsed from TOML
table       a table: the treatments of its columns, and which of its rows are kept
treatment   the treatment of a column, and its grammar
subset      the subset of a database along foreign keys
documents   paths to values in JSON documents
formats     the treatment "keep format"
expressions checks SQL expressions
names       names of tables and columns, with quotes where they need them
text        applies suggestions and decisions to a policy file and keeps its comments
suggest     suggests treatments for columns that the policy does not list
review      the decisions on suggestions, and the policy that they make
classifier/ classifies columns by name, type, table, and values
findings    the patterns of the scan after the treatment
fakes       words and number ranges of the fakes
scripts     a SQL script that the sanitizing task runs
"""
