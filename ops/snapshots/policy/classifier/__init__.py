"""Classifies columns: which hold personal data or secrets, judged without a model or a network.

classes   the classes, each with what it covers
column    a column and its type, as every part of the classifier reads it
lexicon   words of column and table names in 20 languages, from lexicon.toml
words     splits a name into its words
tables    what a table is about, from its name and its columns
names     the class that a name, a type, and a table suggest
values    the shares of values that look like each class
data      given names, cities, and words of prose that values are compared with
classify  combines name, table, keys, and values into a verdict
treatments  the treatment that fits a class, a type, and a key
table_file  classifies the columns of a CSV file
"""
