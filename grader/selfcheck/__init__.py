"""The grader graded: variants of the kernel, and what must come of each."""
