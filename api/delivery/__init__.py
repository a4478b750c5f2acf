"""Delivery: every subscriber is a cursor into the journal; each protocol is a dialect of the same events."""
