"""What students send, read into memory."""
