"""The kinds of provider: what stands behind each entry of ``[[payments.providers]]``.

To add one, see docs/guides/add-a-provider.md.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from unqueue.kernel.clock import Clock
from unqueue.kernel.settings import Objection, Settings
from unqueue.kernel.settings import Provider as Account
from unqueue.providers import alipay, nexo_terminal, sandbox_wallet, unionpay, wechat_pay, zvt_terminal
from unqueue.providers.address import is_local
from unqueue.providers.alipay.bill import read_bill as read_alipay_bill
from unqueue.providers.bills import BillRow
from unqueue.providers.port import Provider
from unqueue.providers.wechat_pay.bill import read_bill as read_wechat_pay_bill


class Kind(NamedTuple):
    """What there is to a kind of provider: ``open`` gives an account, ``check`` looks whether its settings would do.

    Both raise ValueError with what is missing or wrong, in words.
    """

    open: Callable[[Account, Clock], Provider]
    check: Callable[[Account], None]


KINDS: Mapping[str, Kind] = {
    "alipay": Kind(alipay.open_account, alipay.check_account),
    "nexo_terminal": Kind(nexo_terminal.open_account, nexo_terminal.check_account),
    "sandbox_wallet": Kind(sandbox_wallet.open_account, sandbox_wallet.check_account),
    "unionpay": Kind(unionpay.open_account, unionpay.check_account),
    "wechat_pay": Kind(wechat_pay.open_account, wechat_pay.check_account),
    "zvt_terminal": Kind(zvt_terminal.open_account, zvt_terminal.check_account),
}
"""``kind`` in ``[[payments.providers]]`` → what stands behind it."""


BILL_READERS: Mapping[str, Callable[[bytes], Sequence[BillRow]]] = {
    "alipay": read_alipay_bill,
    "wechat_pay": read_wechat_pay_bill,
}
"""``kind`` → how the provider's bill is read. BillMalformed says what is wrong with one."""

BILL_TIME_ZONES: Mapping[str, str] = {"alipay": "Asia/Shanghai", "wechat_pay": "Asia/Shanghai"}
"""``kind`` → the time zone in which a bill's day begins and ends, for each kind that has a reader."""

OWN_KINDS = frozenset({"cash", "stored_value"})
"""Kinds that the store serves by itself: its kiosks' cash, and its own cards."""


def open_provider(account: Account, clock: Clock) -> Provider:
    """The provider of an account of the settings. ValueError where the account can't be used as it is written."""
    kind = KINDS.get(account.kind)
    if kind is None:
        raise ValueError(f"there is no provider of the kind {account.kind}")
    return kind.open(account, clock)


def open_providers(accounts: Iterable[Account], clock: Clock) -> dict[str, Provider]:
    """The providers of all accounts of the settings, by id. ValueError as in :func:`open_provider`."""
    return {account.id: open_provider(account, clock) for account in accounts}


def notify_bases(settings: Settings) -> dict[str, str]:
    """Where each provider, by id, reaches the server: at the store's public address, without a slash at its end.

    A provider on this very machine is told the server's own port instead: the public address may be one that only the
    shoppers' browsers know, or have a certificate that only they accepted.
    """
    server = settings.server
    host = "127.0.0.1" if server.host in {"0.0.0.0", "::", ""} else server.host  # noqa: S104  # compared, not bound
    own = f"http://[{host}]:{server.port}" if ":" in host else f"http://{host}:{server.port}"
    direct = server.port != 0 and server.tls_certificate_file is None
    return {
        account.id: own if direct and is_local(account.url) else settings.store.public_url
        for account in settings.payments.providers
    }


def check_settings(settings: Settings) -> Iterator[Objection]:
    """What is wrong with the accounts in the settings: a rule for ``load_settings``."""
    for index, account in enumerate(settings.payments.providers):
        at = ("payments", "providers", index)
        if account.kind in OWN_KINDS:
            earlier = settings.payments.providers[:index]
            if account.kind == "cash" and any(other.kind == "cash" for other in earlier):
                yield (*at, "kind"), "there is an account of cash already", "One serves all kiosks: leave this one out."
            continue
        kind = KINDS.get(account.kind)
        if kind is None:
            known = ", ".join(sorted({*KINDS, *OWN_KINDS}))
            yield (*at, "kind"), f'there is no kind "{account.kind}"', f"Known: {known}."
            continue
        try:
            kind.check(account)
        except ValueError as error:
            yield at, str(error), "docs/guides/add-a-provider.md shows an account with all its keys."
