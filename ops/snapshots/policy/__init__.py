"""The sanitization policy: what happens to each table and column.

model    tables, columns and treatments, from TOML
text     applies suggestions to a policy file, comments kept
suggest  suggests a policy for columns that it does not name
fakes    the words and numbers that fakes are made of
scripts  a script that the sanitizing task runs
"""
