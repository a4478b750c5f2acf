"""Server-Sent Events: one task as a stream of text."""
