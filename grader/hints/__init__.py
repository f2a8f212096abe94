"""Staged hints: what they say, how many of them a student has taken, and how a terminal shows them.  The command is commands/hint.py."""
