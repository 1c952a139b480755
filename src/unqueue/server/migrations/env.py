"""Alembic's entry: which database, which tables."""

from alembic import context

from unqueue.kernel.database import open_engine
from unqueue.server.tables import metadata

url = context.config.attributes["url"]
engine = open_engine(url)
with engine.connect() as connection:
    context.configure(
        connection=connection,
        target_metadata=metadata,
        render_as_batch=engine.dialect.name == "sqlite",
        transactional_ddl=True,
    )
    with context.begin_transaction():
        context.run_migrations()
engine.dispose()
