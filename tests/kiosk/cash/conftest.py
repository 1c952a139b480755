"""A store's server with kiosks' cash, for the tests in which a kiosk speaks to it."""

import pytest
from tests.support.tills import bank, till

__all__ = ["bank", "till"]


@pytest.fixture
def database_kind() -> str:
    """One kind of database: what is promised here is the kiosk's; tests/server/tills has the server's side on all."""
    return "sqlite"
