"""A student's own scenarios as an exercise: built with the kernels that judge them, then explored on these."""
