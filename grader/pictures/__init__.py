"""Every picture of the running system."""
