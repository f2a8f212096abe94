"""`make matrix`: builds and grades the labs that explore no schedules with each clang and each QEMU of this system, and prints a table."""
