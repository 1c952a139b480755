"""Tencent Cloud SMS (version 2021-01-11): SendSms and PullSmsSendStatusByPhoneNumber."""

from typing import Any

import httpx
import msgspec

from unqueue.kernel.clock import Clock
from unqueue.providers.sms import tencent_signing as signing
from unqueue.providers.sms.account import Account
from unqueue.providers.sms.http import Wire, json_of, refusal
from unqueue.providers.sms.port import FIELDS, SmsMessage, SmsState

URL = "https://sms.tencentcloudapi.com"
VERSION = "2021-01-11"
REGION = "ap-guangzhou"
_SERVICE = "sms"
_PAGE = 100
_CONTENT_TYPE = "application/json; charset=utf-8"
# A blacklisted country stands among the limits, and will not pass.
_FOR_GOOD = frozenset({"LimitExceeded.AppCountryOrRegionInBlacklist", "LimitExceeded.PhoneNumberCountLimit"})
_LATER = ("LimitExceeded.", "RequestLimitExceeded", "ResourceUnavailable")
_PERHAPS = (
    "InternalError",
    "FailedOperation.OtherError",
)


class TencentSms:
    """See ``port.SmsSender``. The message's id travels as ``SessionContext``, which comes back with the report.

    Tencent lists what phones and networks reported, not what it took. So what it does not list may be under way.
    """

    sender_id = "tencent"
    query_is_complete = False

    def __init__(self, account: Account, clock: Clock, *, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._account = account
        self._clock = clock
        self._wire = Wire(account.url or URL, transport=transport)

    async def send(self, message: SmsMessage) -> SmsState:
        answer = await self._call(
            "SendSms",
            {
                "PhoneNumberSet": [message.number],
                "SmsSdkAppId": self._account.app_id,
                "SignName": self._account.sign_name,
                "TemplateId": self._account.template(message.language),
                "TemplateParamSet": [message.fields[name] for name in FIELDS],
                "SessionContext": message.message_id,
            },
        )
        (status,) = answer["SendStatusSet"]
        if status["Code"] != "Ok":
            raise _refusal(str(status["Code"]))
        return SmsState("sent", str(status.get("SerialNo", "")))

    async def query(self, message: SmsMessage, reference: str = "") -> SmsState:
        offset = 0
        while True:
            answer = await self._call(
                "PullSmsSendStatusByPhoneNumber",
                {
                    "BeginTime": message.created_us // 1_000_000 - 60,
                    "EndTime": int(self._clock.now().timestamp()),
                    "Offset": offset,
                    "Limit": _PAGE,
                    "PhoneNumber": message.number,
                    "SmsSdkAppId": self._account.app_id,
                },
            )
            reports = answer.get("PullSmsSendStatusSet") or []
            for report in reports:
                if _is_of(report, message, reference):
                    return _state(report)
            if len(reports) < _PAGE:
                return SmsState("unknown", reference)
            offset += _PAGE

    async def stop(self) -> None:
        await self._wire.stop()

    async def _call(self, action: str, fields: dict[str, Any]) -> dict[str, Any]:
        body = msgspec.json.encode(fields)
        at_s = int(self._clock.now().timestamp())
        signed = {"content-type": _CONTENT_TYPE, "host": self._wire.host}
        sign = signing.signature(self._account.key, at_s, _SERVICE, signed, body)
        within = signing.scope(at_s, _SERVICE)
        headers = {
            **signed,
            "x-tc-action": action,
            "x-tc-version": VERSION,
            "x-tc-timestamp": str(at_s),
            "x-tc-region": self._account.region or REGION,
            "authorization": signing.authorization(self._account.account, within, signed, sign),
        }
        answer = json_of(await self._wire.exchange("POST", "/", content=body, headers=headers)).get("Response")
        if not isinstance(answer, dict):
            raise refusal("no_response", later=False, perhaps=True)
        if "Error" in answer:
            raise _refusal(str(answer["Error"].get("Code", "no_code")))
        return answer


def _refusal(code: str) -> Exception:
    return refusal(code, later=code.startswith(_LATER) and code not in _FOR_GOOD, perhaps=code.startswith(_PERHAPS))


def _is_of(report: dict[str, Any], message: SmsMessage, reference: str) -> bool:
    """Whether a report is of the message. ``SessionContext`` stays empty unless Tencent switched it on for the account:
    then a report that is not known by its number counts, since it is of this phone and of this moment.
    """
    if reference:
        return bool(report.get("SerialNo") == reference)
    return report.get("SessionContext") in {message.message_id, "", None}


def _state(report: dict[str, Any]) -> SmsState:
    reference = str(report.get("SerialNo", ""))
    if report.get("ReportStatus") == "SUCCESS":
        return SmsState("delivered", reference)
    return SmsState("failed", reference, str(report.get("Description") or "FAIL"))
