"""The REST API: one file per resource, one shape for every error."""
