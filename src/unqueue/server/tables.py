"""All tables of the store: importing this module fills the metadata."""

from unqueue.kernel import journal
from unqueue.kernel.schema import metadata
from unqueue.server.audits import store as audits
from unqueue.server.catalogue import store as catalogue
from unqueue.server.coupons import store as coupons
from unqueue.server.exits import age_checks, supplements, trolleys
from unqueue.server.exits import store as exits
from unqueue.server.fleet import store as fleet
from unqueue.server.ledger import store as ledger
from unqueue.server.orders import store as orders
from unqueue.server.payments import store as payments
from unqueue.server.promotions import store as promotions
from unqueue.server.receipts import contact_store as receipt_contacts
from unqueue.server.receipts import store as receipts
from unqueue.server.returns import store as returns
from unqueue.server.settlement import store as settlement
from unqueue.server.staff import identity_store as staff_identities
from unqueue.server.staff import passkey_store as staff_passkeys
from unqueue.server.staff import store as staff
from unqueue.server.stored_value import store as stored_value
from unqueue.server.tills import store as tills
from unqueue.server.trips import store as trips

__all__ = [
    "age_checks",
    "audits",
    "catalogue",
    "coupons",
    "exits",
    "fleet",
    "journal",
    "ledger",
    "metadata",
    "orders",
    "payments",
    "promotions",
    "receipt_contacts",
    "receipts",
    "returns",
    "settlement",
    "staff",
    "staff_identities",
    "staff_passkeys",
    "stored_value",
    "supplements",
    "tills",
    "trips",
    "trolleys",
]
