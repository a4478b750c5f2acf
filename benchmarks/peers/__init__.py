"""Controls: the least that could do the same."""
