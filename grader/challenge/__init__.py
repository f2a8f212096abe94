"""The challenge of lab 2: a page-replacement policy, scored against the optimum that is computed afterwards."""
