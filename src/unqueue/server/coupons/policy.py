"""The coupon policy of a store from its settings."""

from collections.abc import Iterator

from unqueue.kernel.settings import Coupons, Objection, Settings
from unqueue.server.catalogue.gtin import has_right_check_digit
from unqueue.server.coupons.model import Policy


def policy_of(settings: Coupons) -> Policy:
    """What the ``[coupons]`` table means."""
    named = {*settings.gs1_company_prefixes, settings.gln}
    return Policy(
        excluded_categories=frozenset(settings.excluded_categories),
        excludes_age_limited=settings.excludes_age_limited,
        retailer_ids=frozenset(named - {""}),
    )


def check_settings(settings: Settings) -> Iterator[Objection]:
    """A rule for :func:`unqueue.kernel.settings.load_settings`: a GLN has its check digit (General Specifications
    7.9).
    """
    gln = settings.coupons.gln
    if gln and not has_right_check_digit(gln):
        yield ("coupons", "gln"), f"{gln} has a wrong check digit", "Copy all 13 digits from your GS1 licence."
