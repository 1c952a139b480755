"""Twilio Programmable Messaging (API version 2010-04-01): the Message resource."""

from typing import Any

import httpx
import msgspec

from unqueue.kernel.clock import Clock
from unqueue.providers.port import ProviderUnavailable
from unqueue.providers.sms.account import Account
from unqueue.providers.sms.http import Wire, json_of, refusal
from unqueue.providers.sms.port import SmsMessage, SmsState

URL = "https://api.twilio.com"
_STATUS = {
    "delivered": "delivered",
    "read": "delivered",
    "undelivered": "failed",
    "failed": "failed",
    "canceled": "failed",
}
# 20429: too many requests. 14107 and 30001: this sender's queue or rate is full. 20500, 20503: their trouble.
_LATER = frozenset({"20429", "14107", "21611", "30001", "20503"})
_PERHAPS = frozenset({"20500", "20504"})


class TwilioSms:
    """See ``port.SmsSender``. Twilio knows no id of ours; a text holds its order's own link, and is found by it."""

    sender_id = "twilio"
    query_is_complete = True  # a Message resource is there from when it was created

    def __init__(self, account: Account, clock: Clock, *, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._account = account
        self._clock = clock
        self._wire = Wire(account.url or URL, transport=transport, auth=(account.account, account.key))
        self._path = f"/2010-04-01/Accounts/{account.account}/Messages"

    async def send(self, message: SmsMessage) -> SmsState:
        sender = self._account.from_number
        by = {"MessagingServiceSid": sender} if sender.startswith("MG") else {"From": sender}
        made = await self._call("POST", ".json", data={"To": message.number, **by, "Body": message.text})
        return _state(made)

    async def query(self, message: SmsMessage, reference: str = "") -> SmsState:
        if reference:
            return _state(await self._call("GET", f"/{reference}.json"))
        # Not by DateSent: a message that waits in Twilio's queue has none yet. The newest come first.
        answer = await self._call("GET", ".json", params={"To": message.number, "PageSize": "200"})
        for made in answer.get("messages", []):
            if message.fields["code"] in str(made.get("body")):
                return _state(made)
        return SmsState("unknown")

    async def stop(self) -> None:
        await self._wire.stop()

    async def _call(self, method: str, path: str, **request: Any) -> dict[str, Any]:
        answer = await self._wire.exchange(method, self._path + path, **request)
        if answer.is_redirect:
            raise ProviderUnavailable(f"http_{answer.status_code}")
        body = json_of(answer)
        if not answer.is_success:
            code = str(body.get("code", f"http_{answer.status_code}"))
            raise refusal(code, later=code in _LATER, perhaps=code in _PERHAPS)
        return body


def _state(made: dict[str, Any]) -> SmsState:
    status = _STATUS.get(str(made.get("status")), "sent")
    problem = str(made.get("error_code") or made.get("status")) if status == "failed" else ""
    return msgspec.convert({"status": status, "reference": str(made.get("sid", "")), "problem": problem}, SmsState)
