"""Benchmarks: `make bench`. Each figure stands beside an undisturbed control or a peer of the same run."""
