"""The language of the search bar: text into a condition, and back.

parser    operators, parentheses, and negation
scanner   reads words, phrases, and regular expressions; errors with their position
terms     what one word, phrase, or line filter means
fields    what one condition on a field means
names     fields and levels by the names that people type
refusals  other languages, and what has more than one meaning, with a suggestion
accounts  accounts by their configured names
writing   a condition as text
"""
