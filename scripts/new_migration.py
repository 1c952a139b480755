"""Write a migration from what the tables are to what they should be: ``scripts/new_migration.py "add receipts"``.

Read what it wrote before you commit it: Alembic sees tables, columns, indexes and unique constraints, not triggers.
"""

import sys
import tempfile

from alembic import command

from unqueue.server.setup import alembic_config, migrate_database

with tempfile.TemporaryDirectory() as directory:
    url = f"sqlite:///{directory}/scratch.db"
    migrate_database(url)
    command.revision(alembic_config(url), message=" ".join(sys.argv[1:]), autogenerate=True)
