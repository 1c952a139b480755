"""Tencent's side: SendSms and PullSmsSendStatusByPhoneNumber, with the signature (TC3-HMAC-SHA256) checked."""

from typing import Any

import msgspec
from litestar import Request, Response

from unqueue.kernel.ids import new_id, same_secret
from unqueue.providers.sms import tencent_signing as signing
from unqueue.providers.sms.port import FIELDS
from unqueue.providers.sms.sandbox.book import Book, Sent, status_under
from unqueue.providers.sms.sandbox.options import Options

FRESH_S_MAX = 300
_REFUSALS = {
    "limit": "LimitExceeded.PhoneNumberThirtySecondLimit",
    "unsubscribed": "FailedOperation.PhoneNumberInBlacklist",
}


class TencentDoor:
    """Requests whose ``x-tc-action`` says what they want."""

    def __init__(self, book: Book, options: Options) -> None:
        self._book = book
        self._options = options

    async def answer(self, request: Request[Any, Any, Any]) -> Response[Any]:
        body = await request.body()
        if problem := self._problem(request, body):
            return _refused(problem)
        asked = msgspec.json.decode(body, type=dict[str, Any])
        action = request.headers["x-tc-action"]
        if asked.get("SmsSdkAppId") != self._options.app_id:
            return _refused("InvalidParameterValue.SdkAppIdNotExist")
        if action == "SendSms":
            return self._send(asked)
        return self._reports(asked) if action == "PullSmsSendStatusByPhoneNumber" else _refused("InvalidAction")

    def _problem(self, request: Request[Any, Any, Any], body: bytes) -> str:
        """Why the request is not believed."""
        algorithm, _, rest = request.headers.get("authorization", "").partition(" ")
        parts = dict(part.strip().partition("=")[::2] for part in rest.split(","))
        names = parts.get("SignedHeaders", "").split(";")
        secret_id, _, within = parts.get("Credential", "").partition("/")
        stamp = request.headers.get("x-tc-timestamp", "")
        if algorithm != signing.ALGORITHM or secret_id != self._options.account:
            return "AuthFailure.SecretIdNotFound"
        if not stamp.isdigit() or not {"content-type", "host"} <= set(names):
            return "AuthFailure.SignatureFailure"
        if abs(self._book.now_us // 1_000_000 - int(stamp)) > FRESH_S_MAX:
            return "AuthFailure.SignatureExpire"
        signed = {name: request.headers.get(name, "") for name in names}
        expected = signing.signature(self._options.key, int(stamp), "sms", signed, body)
        good = within == signing.scope(int(stamp), "sms") and same_secret(expected, parts.get("Signature", ""))
        return "" if good else "AuthFailure.SignatureFailure"

    def _send(self, asked: dict[str, Any]) -> Response[Any]:
        text = self._options.templates().get(str(asked.get("TemplateId")))
        (number,) = asked["PhoneNumberSet"]
        if text is None:
            return _refused("FailedOperation.TemplateUnapprovedOrNotExist")
        if asked.get("SignName") != self._options.sign_name:
            return _refused("FailedOperation.SignatureIncorrectOrUnapproved")
        trouble = self._book.next_trouble()
        if trouble in _REFUSALS:
            return _status(number, "", asked, _REFUSALS[trouble])
        if trouble in {"error", "lost_request"}:
            return _refused("InternalError.Timeout") if trouble == "error" else Response("", status_code=504)
        sent = self._book.take(
            Sent(
                provider="tencent",
                reference=new_id(),
                number=number,
                sender=asked["SignName"],
                text=text.format_map(dict(zip(FIELDS, asked["TemplateParamSet"], strict=True))),
                context=asked.get("SessionContext", ""),
                template=asked["TemplateId"],
                status=status_under(trouble),
            )
        )
        return (
            Response("", status_code=504) if trouble == "lost_answer" else _status(number, sent.reference, asked, "Ok")
        )

    def _reports(self, asked: dict[str, Any]) -> Response[Any]:
        """What phones reported: a message that is under way is not among it."""
        reports = [
            {
                "UserReceiveTime": sent.at_us // 1_000_000,
                "CountryCode": "",
                "PhoneNumber": sent.number,
                "SubscriberNumber": sent.number,
                "SerialNo": sent.reference,
                "ReportStatus": "SUCCESS" if sent.status == "delivered" else "FAIL",
                "Description": "DELIVRD" if sent.status == "delivered" else "用户停机",
                "SessionContext": sent.context,
            }
            for sent in self._book.to("tencent", asked["PhoneNumber"])
            if asked["BeginTime"] <= sent.at_us // 1_000_000 <= asked["EndTime"] and sent.status != "sent"
        ]
        shown = reports[asked["Offset"] : asked["Offset"] + asked["Limit"]]
        return Response({"Response": {"PullSmsSendStatusSet": shown, "RequestId": new_id()}})


def _status(number: str, reference: str, asked: dict[str, Any], code: str) -> Response[Any]:
    status = {
        "SerialNo": reference,
        "PhoneNumber": number,
        "Fee": 1 if code == "Ok" else 0,
        "SessionContext": asked.get("SessionContext", ""),
        "Code": code,
        "Message": "send success" if code == "Ok" else code,
        "IsoCode": "CN",
    }
    return Response({"Response": {"SendStatusSet": [status], "RequestId": new_id()}})


def _refused(code: str) -> Response[Any]:
    return Response({"Response": {"Error": {"Code": code, "Message": code}, "RequestId": new_id()}})
