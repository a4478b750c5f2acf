"""Run by alembic, on the connection and in the transaction that `api.store.migrate` has begun.

Configures no logging: that is the server's.
"""

from alembic import context

from api.store.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,  # SQLite alters a table by copying it
)
with context.begin_transaction():
    context.run_migrations()
