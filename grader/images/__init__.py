"""Readers of what compilers and linkers make."""
