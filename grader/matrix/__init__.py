"""`make matrix`: builds and grades labs 0 and 1 with each clang and each QEMU of this system, and prints a table."""
