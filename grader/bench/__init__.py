"""What the kernel's primitives cost, in guest instructions: `make bench`."""
