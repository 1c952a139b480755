"""What a scanned or typed code is looked up by. Pure.

A plain code is itself, in capitals, without spaces and hyphens. A GS1 code has a key with colons, which no plain code
has. What carries a serial number is good once: its own key counts that, the coupon is found by the key without it.
"""

import re
import unicodedata
from datetime import date

import msgspec

from unqueue.server.coupons import gs1
from unqueue.server.coupons.gs1 import CodeError, GlobalCoupon, NorthAmericanCoupon, PositiveOffer
from unqueue.server.coupons.refusals import CouponMalformed
from unqueue.server.coupons.rules import Coupon, NorthAmerican

_PLAIN = re.compile(r"[A-Z0-9]{4,40}")
_IGNORED = re.compile(r"[\s\-‐-―]")


class Key(msgspec.Struct, frozen=True):
    """``code`` is what is used; ``found_by`` are the keys that lead to its coupon, the narrowest first.

    ``is_single``: the paper has a serial number. ``ticket`` is what an AI 8110 says, ``expires`` an AI 17 beside 255.
    """

    code: str
    found_by: tuple[str, ...]
    is_single: bool = False
    ticket: NorthAmericanCoupon | None = None
    expires: date | None = None


def read(text: str, today: date) -> list[Key]:
    """What a text may be, a plain code first. CouponMalformed for what can be no coupon.

    >>> read("summer-10", date(2026, 1, 2))[0].code
    'SUMMER10'
    >>> read("(255)9501101530003000042", date(2026, 1, 2))[0].found_by
    ('255:9501101530003',)
    """
    plain = _IGNORED.sub("", unicodedata.normalize("NFKC", text[: gs1.TEXT_MAX])).upper()
    keys = [Key(plain, (plain,))] if _PLAIN.fullmatch(plain) else []
    try:
        scanned = gs1.read(text.strip(" \t\r\n"), today)
    except CodeError as error:
        if keys:
            return keys
        raise CouponMalformed(reason=error.what) from error
    if scanned is not None:
        keys.append(_key(scanned))
    if not keys:
        raise CouponMalformed(reason="not_a_coupon")
    return keys


def own_keys(coupon: Coupon) -> dict[str, int | None]:
    """The keys that a coupon is found by, with how often each can be used itself (None: no limit)."""
    if isinstance(coupon, NorthAmerican):
        pairs = [(prefix, code) for prefix in coupon.company_prefixes for code in coupon.offer_codes]
        return dict.fromkeys(
            [f"8110:{prefix}:{code}" for prefix, code in pairs]
            or [f"8110:{prefix}" for prefix in coupon.company_prefixes]
        )
    if coupon.serials is not None:
        return dict.fromkeys(coupon.serials, 1)
    if coupon.gcn is not None:
        return {f"255:{coupon.gcn}": None}
    if coupon.offer is not None:
        return {f"8112:{coupon.offer.funder_id}:{coupon.offer.offer_code}": None}
    assert coupon.code is not None, "a coupon has a code of some kind"
    return {coupon.code: None}


def _key(scanned: gs1.Scanned) -> Key:
    match scanned:
        case GlobalCoupon(gcn=gcn, serial=serial, expires=expires):
            found_by = f"255:{gcn}"
            code = f"{found_by}:{serial}" if serial else found_by
            return Key(code, (found_by,), is_single=bool(serial), expires=expires)
        case PositiveOffer(funder_id=funder_id, offer_code=offer_code, serial=serial):
            found_by = f"8112:{funder_id}:{offer_code}"
            return Key(f"{found_by}:{serial}", (found_by,), is_single=True)
        case NorthAmericanCoupon(company_prefix=prefix, offer_code=offer_code, serial=serial):
            found_by = f"8110:{prefix}:{offer_code}"
            return Key(f"{found_by}:{serial}", (found_by, f"8110:{prefix}"), is_single=bool(serial), ticket=scanned)
