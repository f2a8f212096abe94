"""Views of guest memory: one decoder of Mica's structures for the grader, gdb's `mica` commands and tools.

The layout comes from KdFieldTable in the kernel's image file (fields.py), never from guest memory; values come from any
Memory (the mapped RAM, gdb, a file).
"""
