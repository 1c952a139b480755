"""A store with a wallet and cards of its own."""

from tests.support.tills import bank, till

__all__ = ["bank", "till"]
