"""Unqueue: scan as you shop, pay where you stand, walk out."""

__version__ = "0.1.0"
