"""Alibaba Cloud Short Message Service (Dysms, version 2017-05-25): SendSms and QuerySendDetails."""

from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import msgspec

from unqueue.kernel.clock import Clock, from_micros
from unqueue.kernel.ids import new_id
from unqueue.providers.sms import aliyun_signing as signing
from unqueue.providers.sms.account import Account
from unqueue.providers.sms.http import Wire, json_of, refusal
from unqueue.providers.sms.numbers import national
from unqueue.providers.sms.port import SmsMessage, SmsState

URL = "https://dysmsapi.aliyuncs.com"
VERSION = "2017-05-25"
_ZONE = ZoneInfo("Asia/Shanghai")  # SendDate is a day there
_PAGE = 50
_STATUS = {1: "sent", 2: "failed", 3: "delivered"}

# A number's or the account's share of the minute, hour or day is used up, or their systems are. All else is for good.
_LATER = (
    "isv.BUSINESS_LIMIT",
    "isv.DAY_LIMIT_CONTROL",
    "isv.MONTH_LIMIT_CONTROL",
    "BUSINESS_LIMIT_CONTROL",
    "Throttling",
    "ServiceUnavailable",
)
_PERHAPS = ("isp.SYSTEM_ERROR", "isp.GATEWAY_ERROR", "isp.UNKNOWN", "InternalError")


class AliyunSms:
    """See ``port.SmsSender``. The message's id travels as ``OutId``, which comes back with the details."""

    sender_id = "aliyun"
    query_is_complete = True  # a message is listed from when it was taken, first as "waiting for receipt"

    def __init__(self, account: Account, clock: Clock, *, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._account = account
        self._clock = clock
        self._wire = Wire(account.url or URL, transport=transport)

    async def send(self, message: SmsMessage) -> SmsState:
        answer = await self._call(
            "SendSms",
            {
                "PhoneNumbers": national(message.number, "86"),
                "SignName": self._account.sign_name,
                "TemplateCode": self._account.template(message.language),
                "TemplateParam": msgspec.json.encode(message.fields).decode(),
                "OutId": message.message_id,
            },
        )
        return SmsState("sent", str(answer.get("BizId", "")))

    async def query(self, message: SmsMessage, reference: str = "") -> SmsState:
        first = from_micros(message.created_us).astimezone(_ZONE).date()
        last = self._clock.now().astimezone(_ZONE).date()
        days = [first + timedelta(days=number) for number in range(min(2, (last - first).days + 1))]
        for day in days:  # a message that was tried at midnight may have been taken on either day
            found = await self._on_day(message, reference, f"{day:%Y%m%d}")
            if found.status != "unknown":
                return found
        return SmsState("unknown", reference)

    async def _on_day(self, message: SmsMessage, reference: str, day: str) -> SmsState:
        page = 1
        while True:
            asked = {
                "PhoneNumber": national(message.number, "86"),
                "SendDate": day,
                "PageSize": str(_PAGE),
                "CurrentPage": str(page),
            }
            answer = await self._call("QuerySendDetails", {**asked, **({"BizId": reference} if reference else {})})
            details = (answer.get("SmsSendDetailDTOs") or {}).get("SmsSendDetailDTO") or []
            for detail in details:
                if detail.get("OutId") == message.message_id:
                    return _state(detail, reference)
            if len(details) < _PAGE:
                return SmsState("unknown", reference)
            page += 1

    async def stop(self) -> None:
        await self._wire.stop()

    async def _call(self, action: str, parameters: dict[str, str]) -> dict[str, Any]:
        signed = {
            "host": self._wire.host,
            "x-acs-action": action,
            "x-acs-content-sha256": signing.content_hash(b""),
            "x-acs-date": f"{self._clock.now():%Y-%m-%dT%H:%M:%SZ}",
            "x-acs-signature-nonce": new_id(),
            "x-acs-version": VERSION,
        }
        sign = signing.signature(self._account.key, "POST", "/", parameters, signed)
        headers = {**signed, "authorization": signing.authorization(self._account.account, signed, sign)}
        path = f"/?{signing.canonical_query(parameters)}"
        answer = json_of(await self._wire.exchange("POST", path, headers={**headers, "accept": "application/json"}))
        code = str(answer.get("Code", "no_code"))
        if code != "OK":
            raise refusal(code, later=code.startswith(_LATER), perhaps=code.startswith(_PERHAPS))
        return answer


def _state(detail: dict[str, Any], reference: str) -> SmsState:
    status = _STATUS.get(detail.get("SendStatus", 0), "sent")
    problem = str(detail.get("ErrCode", "")) if status == "failed" else ""
    return msgspec.convert({"status": status, "reference": reference, "problem": problem}, SmsState)
