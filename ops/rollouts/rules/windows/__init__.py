"""Time windows and holidays: their tables in the file, and the local time that they follow.

reading  the reader of the windows and holidays of a file
zones    the time zone of each Region, for windows in the local time of the targets
"""
