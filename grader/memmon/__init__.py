"""MemMon: what a kernel's memory is used for, seen from outside."""
