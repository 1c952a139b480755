"""What all tables share: the metadata, and the rule that some rows are never changed."""

from typing import Any

from sqlalchemy import DDL, MetaData, Table, event

metadata = MetaData(
    naming_convention={
        "ix": "%(table_name)s_%(column_0_N_name)s",
        "uq": "%(table_name)s_%(column_0_N_name)s_key",
        "ck": "%(table_name)s_%(constraint_name)s_check",
        "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
        "pk": "%(table_name)s_pkey",
    }
)


def append_only(table: Table) -> None:
    """Have the database itself refuse to update or delete rows of ``table`` once it is created."""
    table.info["append_only"] = True
    for dialect, statements in append_only_sql(table.name).items():
        for statement in statements:
            event.listen(table, "after_create", _on(dialect, statement))


def _on(dialect: str, statement: str) -> Any:
    ddl: Any = DDL  # SQLAlchemy leaves this class untyped
    return ddl(statement.replace("%", "%%")).execute_if(dialect=dialect)


def append_only_sql(table_name: str) -> dict[str, list[str]]:
    """The triggers behind :func:`append_only`, for migrations: dialect name → statements."""
    message = f"{table_name} is append-only"
    sqlite = [
        f"CREATE TRIGGER {table_name}_no_{action} BEFORE {action} ON {table_name} "
        f"BEGIN SELECT RAISE(ABORT, '{message}'); END"
        for action in ("update", "delete")
    ]
    postgresql = [
        f"""CREATE OR REPLACE FUNCTION {table_name}_refuse() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN RAISE EXCEPTION '{message}'; END $$""",
        f"""CREATE TRIGGER {table_name}_append_only BEFORE UPDATE OR DELETE ON {table_name}
        FOR EACH ROW EXECUTE FUNCTION {table_name}_refuse()""",
    ]
    return {"sqlite": sqlite, "postgresql": postgresql}
