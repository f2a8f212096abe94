"""Grading on every save: the files, the first failure, what was solved before.  The command is commands/watch.py."""
