"""From a submission's files to kernels."""
