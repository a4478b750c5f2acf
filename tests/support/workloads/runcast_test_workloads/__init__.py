"""Workloads that behave (`good`) and misbehave (`bad`) in known ways."""
