"""Mica's commands for gdb: mica.py is sourced by gdb, tables.py writes what they show."""
