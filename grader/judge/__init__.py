"""From kernels to outcomes."""
