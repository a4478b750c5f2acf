"""Announcements by topic: who listens, how often, and where the server's own come from."""
