"""All tables of the store: importing this module fills the metadata."""

from unqueue.kernel import journal
from unqueue.kernel.schema import metadata
from unqueue.server.catalogue import store as catalogue
from unqueue.server.orders import store as orders
from unqueue.server.trips import store as trips

__all__ = ["catalogue", "journal", "metadata", "orders", "trips"]
