"""Alembic's folder. `api.store.migrate.migrate` runs it; there is no alembic.ini."""
