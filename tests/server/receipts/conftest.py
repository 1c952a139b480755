"""A store with a sandbox wallet for the tests in this folder."""

from tests.support.tills import bank, till

__all__ = ["bank", "till"]
