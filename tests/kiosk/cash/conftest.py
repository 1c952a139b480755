"""A store's server with kiosks' cash, for the tests in which a kiosk speaks to it."""

from pathlib import Path

import pytest
from tests.support.tills import bank, till

__all__ = ["bank", "till"]


@pytest.fixture
def empty_database_url(tmp_path: Path) -> str:
    """One kind of database: what is promised here is the kiosk's; tests/server/tills has the server's side on all."""
    return f"sqlite:///{tmp_path}/store.db"
