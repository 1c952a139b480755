"""Receipts by SMS: providers behind one port (``port.SmsSender``).

docs/decisions/0011 says why they are spoken to without their SDKs.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

import httpx

from unqueue.kernel.clock import Clock
from unqueue.kernel.settings import Objection, Settings, Sms
from unqueue.providers.sms.account import Account
from unqueue.providers.sms.aliyun import AliyunSms
from unqueue.providers.sms.numbers import country_of
from unqueue.providers.sms.port import SmsSender
from unqueue.providers.sms.tencent import TencentSms
from unqueue.providers.sms.twilio import TwilioSms


class _Kind(NamedTuple):
    open: Callable[..., SmsSender]
    needs: tuple[str, ...]


KINDS: Mapping[str, _Kind] = {
    "aliyun": _Kind(AliyunSms, ("account", "sign_name", "template_zh")),
    "tencent": _Kind(TencentSms, ("account", "sign_name", "template_zh", "app_id")),
    "twilio": _Kind(TwilioSms, ("account", "from_number")),
}
"""``provider`` in ``[sms]`` → its adapter, and the keys that it can't do without (and ``key_file``)."""


def open_sender(settings: Sms, clock: Clock, *, transport: httpx.AsyncBaseTransport | None = None) -> SmsSender | None:
    """The sender of the settings; None where there is none. ValueError where the key's file can't be used."""
    if not settings.provider:
        return None
    kind = KINDS[settings.provider]
    account = Account(
        account=settings.account,
        key=_key(settings),
        url=settings.url,
        sign_name=settings.sign_name,
        template_zh=settings.template_zh,
        template_en=settings.template_en,
        app_id=settings.app_id,
        region=settings.region,
        from_number=settings.from_number,
    )
    return kind.open(account, clock, transport=transport)


def default_country(settings: Settings) -> str:
    """Where a number without a country code belongs: as the settings say, else the country of the store's currency."""
    return settings.sms.country or country_of(settings.store.currency)


def check_settings(settings: Settings) -> Iterator[Objection]:
    """What is wrong with ``[sms]``: a rule for ``load_settings``."""
    sms = settings.sms
    if not sms.provider:
        return
    missing = [key for key in KINDS[sms.provider].needs if not getattr(sms, key)]
    mend = "docs/guides/receipts.md says where each key comes from."
    if missing:
        yield ("sms", "provider"), f"{sms.provider} needs {', '.join(missing)}", mend
    try:
        _key(sms)
    except ValueError as error:
        yield ("sms", "key_file" if sms.key_file else "provider"), str(error), mend


def _key(sms: Sms) -> str:
    if sms.key_file is None:
        raise ValueError(f"{sms.provider} needs key_file")
    try:
        key = sms.key_file.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{sms.key_file} can't be read") from error
    if not key:
        raise ValueError(f"{sms.key_file} is empty")
    return key
