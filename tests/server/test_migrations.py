"""The migrations lead to the tables that the code means, on each kind of database."""

from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect, text
from sqlalchemy.exc import DBAPIError

from unqueue.kernel.database import Database
from unqueue.server.setup import alembic_config, migrate_database
from unqueue.server.tables import metadata


def triggers(database: Database) -> set[str]:
    query = (
        "SELECT name FROM sqlite_master WHERE type = 'trigger'"
        if database.is_embedded
        else ("SELECT tgname FROM pg_trigger WHERE NOT tgisinternal")
    )
    return set(database.read_now(lambda connection: connection.scalars(text(query)).all()))


def test_migrations_and_code_agree(empty_database_url: str) -> None:
    migrate_database(empty_database_url)
    database = Database(empty_database_url)
    found = database.read_now(lambda connection: compare_metadata(MigrationContext.configure(connection), metadata))
    assert found == []
    migrated = triggers(database)
    database.dispose()
    assert migrated


def test_migrating_again_changes_nothing_and_down_leaves_nothing(empty_database_url: str) -> None:
    migrate_database(empty_database_url)
    migrate_database(empty_database_url)
    command.downgrade(alembic_config(empty_database_url), "base")
    database = Database(empty_database_url)
    assert inspect(database.engine).get_table_names() == ["alembic_version"]
    database.dispose()


@pytest.mark.parametrize("table", [name for name, table in metadata.tables.items() if table.info.get("append_only")])
def test_append_only_tables_have_the_same_guards_by_migration_as_by_metadata(tmp_path: Path, table: str) -> None:
    made, migrated = (Database(f"sqlite:///{tmp_path}/{name}.db") for name in ("made", "migrated"))
    metadata.create_all(made.engine)
    migrate_database(migrated.url)
    assert {name for name in triggers(made) if name.startswith(table)} <= triggers(migrated)
    made.dispose()
    migrated.dispose()


def test_the_ledger_cannot_be_rewritten(empty_database_url: str) -> None:
    migrate_database(empty_database_url)
    database = Database(empty_database_url)

    def write() -> None:
        database.write_now(lambda tx: tx.record("test.happened", "test:1", "test", {}) and None)
        database.write_now(lambda tx: tx.execute(text("UPDATE journal SET kind = 'other'")) and None)

    with pytest.raises(DBAPIError, match="append-only"):
        write()
    database.dispose()
