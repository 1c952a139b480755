"""Paid orders, lanes and an attendant for the tests in this folder."""

from tests.support.lanes import attendant, buy, clients, lane, open_lane

__all__ = ["attendant", "buy", "clients", "lane", "open_lane"]
