"""What must be in order before the server opens: one server a store, the tables up to date, the settings sound."""

import contextlib
import fcntl
from collections.abc import Iterator
from pathlib import Path

from alembic import command
from alembic.config import Config

from unqueue.kernel.settings import Rule, Settings
from unqueue.providers.invoicing import check_settings as check_invoices
from unqueue.providers.kinds import check_settings as check_providers
from unqueue.providers.oidc import check_settings as check_oidc
from unqueue.providers.sms import check_settings as check_sms
from unqueue.server.catalogue.templates import check_store_codes
from unqueue.server.coupons.policy import check_settings as check_coupons
from unqueue.server.staff.settings_rules import check_settings as check_staff

MIGRATIONS = Path(__file__).parent / "migrations"


class StoreInUse(Exception):
    """Another server works on the same data directory."""


@contextlib.contextmanager
def only_server(settings: Settings) -> Iterator[None]:
    """Hold the store for this server: trips are kept in memory, so there may be one server only. StoreInUse."""
    lock = settings.server.data_dir / "server.lock"
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            mend = "Stop it first, or give this one its own data_dir and database."
            raise StoreInUse(f"Another server runs on {settings.server.data_dir}. {mend}") from error
        yield


def migrate_database(url: str) -> None:
    """Bring the database's tables to the newest form (Alembic "head")."""
    command.upgrade(alembic_config(url), "head")


def alembic_config(url: str) -> Config:
    """Alembic without a file of its own: the migrations travel in the package."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["url"] = url
    return config


def settings_rules() -> tuple[Rule, ...]:
    """The capabilities' own checks of the settings."""
    return (check_store_codes, check_coupons, check_providers, check_invoices, check_sms, check_staff, check_oidc)
