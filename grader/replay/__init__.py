"""One failure again, under gdb."""
