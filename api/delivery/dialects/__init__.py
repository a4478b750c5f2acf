"""Dialects: pure functions from tasks and events to the messages of one protocol."""
