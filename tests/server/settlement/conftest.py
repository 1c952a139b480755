"""A store with a wallet, cards and a service desk."""

from tests.support.tills import bank, till

__all__ = ["bank", "till"]
