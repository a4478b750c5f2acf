"""Brings a database to the tables of this version."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect
from sqlalchemy.exc import DBAPIError

from api.errors import ConfigError
from api.store.engine import BEGIN_WRITE, Database
from api.store.failures import is_outage, unavailable

_SCRIPTS = Path(__file__).parent / "migrations"
_PATIENCE = 30.0
"""Seconds to wait for another process that is migrating the same database."""


def migrate(url: str) -> None:
    """Create the database and its folder if there is none, and bring it to the latest revision.

    All steps are one transaction; of several processes one migrates and the others find it done.
    `ConfigError` for a database that is not ours or of a later version, `Unavailable` for a locked one.
    """
    database = Database(url)
    database.create(patience=_PATIENCE)
    engine = database.engine(busy_timeout=_PATIENCE)
    try:
        with engine.connect() as connection:
            connection.exec_driver_sql(BEGIN_WRITE)
            _upgrade(connection, database.path)
            connection.commit()
    except DBAPIError as error:
        if isinstance(error.orig, sqlite3.Error) and is_outage(error.orig):
            raise unavailable(error.orig) from error
        raise
    finally:
        engine.dispose()


def _upgrade(connection: Connection, path: Path) -> None:
    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS).replace("%", "%%"))
    config.attributes["connection"] = connection
    if _is_behind(connection, ScriptDirectory.from_config(config), path):
        command.upgrade(config, "head")


def _is_behind(connection: Connection, scripts: ScriptDirectory, path: Path) -> bool:
    revision = MigrationContext.configure(connection).get_current_revision()
    if revision is None and inspect(connection).get_table_names():
        raise ConfigError(f"{path} is a database of something else: set RUNCAST_DATABASE_URL to another file")
    if revision is not None and revision not in {script.revision for script in scripts.walk_revisions()}:
        raise ConfigError(
            f"{path} has revision {revision}, which this version of Runcast does not know: it was written by "
            "a later one. Install that with `pip install --upgrade runcast`, or set RUNCAST_DATABASE_URL to "
            "another file"
        )
    return revision != scripts.get_current_head()
