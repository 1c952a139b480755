"""Why a coupon is not taken, in words for the shopper. Pure."""

from datetime import date
from typing import ClassVar

from unqueue.kernel.errors import DomainError
from unqueue.kernel.money import format_minor
from unqueue.server.guesses import TooManyGuesses


class CouponUnknown(DomainError):
    code: ClassVar[str] = "coupon_unknown"
    status: ClassVar[int] = 404
    zh: ClassVar[str] = "这里没有这张优惠券，请核对券码"
    en: ClassVar[str] = "We don't know this coupon. Please check its code."


class TooManyCouponGuesses(TooManyGuesses):
    """Details: ``retry_after_s``. For good, so that a handset drops the code: goods that wait behind it must go on."""

    permanent: ClassVar[bool] = True
    zh: ClassVar[str] = "几个券码都没有找到，请过几分钟再试，或到服务台"
    en: ClassVar[str] = "Several codes were no coupons. Please try again in a few minutes, or ask at the service desk."


class CouponMalformed(DomainError):
    """Details: ``reason``, a short name of what is wrong with the code."""

    code: ClassVar[str] = "coupon_malformed"
    status: ClassVar[int] = 422
    zh: ClassVar[str] = "券码没有读对，请再扫一次"
    en: ClassVar[str] = "That is not a coupon's code. Please scan it once more."


class CouponConflict(DomainError):
    code: ClassVar[str] = "coupon_conflict"
    status: ClassVar[int] = 409
    zh: ClassVar[str] = "这个编号已用于另一张优惠券"
    en: ClassVar[str] = "This id was used for another coupon. Please send a new one."


class CouponExpired(DomainError):
    """Details: ``valid_until``, the last day that it was good."""

    code: ClassVar[str] = "coupon_expired"
    status: ClassVar[int] = 409
    zh: ClassVar[str] = "这张优惠券已过期，最后一天是 {valid_until}"
    en: ClassVar[str] = "This coupon has expired; its last day was {valid_until}."

    def __init__(self, valid_until: date) -> None:
        super().__init__(valid_until=valid_until.isoformat())


class CouponNotYetValid(DomainError):
    """Details: ``valid_from``, the first day that it is good."""

    code: ClassVar[str] = "coupon_not_yet_valid"
    status: ClassVar[int] = 409
    permanent: ClassVar[bool] = False
    zh: ClassVar[str] = "这张优惠券从 {valid_from} 起可用"
    en: ClassVar[str] = "This coupon can be used from {valid_from} on."

    def __init__(self, valid_from: date) -> None:
        super().__init__(valid_from=valid_from.isoformat())


class CouponUsedUp(DomainError):
    """All its uses are made, or held by orders that wait for payment: one of those may be given back."""

    code: ClassVar[str] = "coupon_used_up"
    status: ClassVar[int] = 409
    permanent: ClassVar[bool] = False
    zh: ClassVar[str] = "这张优惠券已经用完，或正用于另一张订单"
    en: ClassVar[str] = "This coupon has been used, or is on another order just now."


class CouponMemberUsedUp(DomainError):
    """A limit per member: this member's uses are made, or held by an order of another visit."""

    code: ClassVar[str] = "coupon_member_used_up"
    status: ClassVar[int] = 409
    permanent: ClassVar[bool] = False
    zh: ClassVar[str] = "这张优惠券您能用的次数已经用完"
    en: ClassVar[str] = "You have used this coupon as often as each member may."


class CouponVisitUsedUp(DomainError):
    """A limit per member, where no member's card was shown: it counts for the visit."""

    code: ClassVar[str] = "coupon_visit_used_up"
    status: ClassVar[int] = 409
    permanent: ClassVar[bool] = False
    zh: ClassVar[str] = "没有出示会员卡，这次购物里这张优惠券不能再用了"
    en: ClassVar[str] = "Without a member's card this coupon can't be used again in this visit."


class CouponMemberOnly(DomainError):
    code: ClassVar[str] = "coupon_member_only"
    status: ClassVar[int] = 409
    zh: ClassVar[str] = "这张优惠券仅限会员，请先出示会员卡"
    en: ClassVar[str] = "This coupon is for members. Please show your member's card when you start."


class CouponMinimumSpend(DomainError):
    """Details: ``minimum`` and ``missing`` as text, ``minimum_minor``, ``missing_minor``, ``currency``."""

    code: ClassVar[str] = "coupon_minimum_spend"
    status: ClassVar[int] = 409
    zh: ClassVar[str] = "满 {minimum} 可用，还差 {missing}"
    en: ClassVar[str] = "This coupon needs a purchase of {minimum}; {missing} more and you can use it."

    def __init__(self, minimum_minor: int, missing_minor: int, currency: str) -> None:
        super().__init__(
            minimum=format_minor(minimum_minor, currency),
            missing=format_minor(missing_minor, currency),
            minimum_minor=minimum_minor,
            missing_minor=missing_minor,
            currency=currency,
        )


class CouponNotForTheseGoods(DomainError):
    code: ClassVar[str] = "coupon_not_for_these_goods"
    status: ClassVar[int] = 409
    zh: ClassVar[str] = "购物篮里没有这张优惠券适用的商品"
    en: ClassVar[str] = "This coupon is not for the goods in your basket."


class CouponNotCombinable(DomainError):
    """Details: ``others``, the texts of the coupons on the order that stand in its way."""

    code: ClassVar[str] = "coupon_not_combinable"
    status: ClassVar[int] = 409
    zh: ClassVar[str] = "这张优惠券不能和{others_zh}一起用。想用它，请先取下另一张"
    en: ClassVar[str] = "This coupon can't be used together with {others_en}. Take that one off to use it."

    def __init__(self, others: list[tuple[str, str]]) -> None:
        super().__init__(
            others_zh="、".join(f"“{zh}”" for zh, _ in others),
            others_en=" and ".join(f"“{en}”" for _, en in others),
        )


class CouponAlreadyRedeemed(DomainError):
    code: ClassVar[str] = "coupon_already_redeemed"
    status: ClassVar[int] = 409
    zh: ClassVar[str] = "这张优惠券已经用在这张订单上了"
    en: ClassVar[str] = "This coupon is on this order already."


class CouponNeedsStaff(DomainError):
    """The coupon leaves a decision to a cashier; there is none."""

    code: ClassVar[str] = "coupon_needs_staff"
    status: ClassVar[int] = 409
    zh: ClassVar[str] = "这张优惠券要由店员处理，请到服务台"
    en: ClassVar[str] = "This coupon has to be checked by our staff. Please bring it to the service desk."


class CouponOtherStore(DomainError):
    code: ClassVar[str] = "coupon_other_store"
    status: ClassVar[int] = 409
    zh: ClassVar[str] = "这张优惠券只能在别的商店使用"
    en: ClassVar[str] = "This coupon is for another store."
