"""A store with a wallet, and a kiosk that takes cash."""

from tests.support.tills import bank, till

__all__ = ["bank", "till"]
