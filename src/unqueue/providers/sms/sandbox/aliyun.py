"""Aliyun's side: SendSms and QuerySendDetails, with the signature (ACS3-HMAC-SHA256) checked."""

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from litestar import Request, Response

from unqueue.kernel.clock import from_micros
from unqueue.kernel.ids import new_id, same_secret
from unqueue.providers.sms import aliyun_signing as signing
from unqueue.providers.sms.sandbox.book import Book, Sent, status_under
from unqueue.providers.sms.sandbox.options import Options

FRESH_S_MAX = 900
_ZONE = ZoneInfo("Asia/Shanghai")
_SEND_STATUS = {"sent": 1, "failed": 2, "delivered": 3}


class AliyunDoor:
    """Requests whose ``x-acs-action`` says what they want."""

    def __init__(self, book: Book, options: Options) -> None:
        self._book = book
        self._options = options
        self._nonces: set[str] = set()

    async def answer(self, request: Request[Any, Any, Any]) -> Response[Any]:
        body = await request.body()
        if problem := self._problem(request, body):
            return _refused(problem, 400)
        parameters = dict(request.query_params.items())
        action = request.headers["x-acs-action"]
        if action == "SendSms":
            return self._send(parameters)
        return self._details(parameters) if action == "QuerySendDetails" else _refused("InvalidAction.NotFound", 404)

    def _problem(self, request: Request[Any, Any, Any], body: bytes) -> str:
        """Why the request is not believed."""
        algorithm, _, rest = request.headers.get("authorization", "").partition(" ")
        parts = dict(part.strip().partition("=")[::2] for part in rest.split(","))
        names = parts.get("SignedHeaders", "").split(";")
        nonce = request.headers.get("x-acs-signature-nonce", "")
        if algorithm != signing.ALGORITHM or parts.get("Credential") != self._options.account:
            return "InvalidAccessKeyId.NotFound"
        must = {"host", *(name for name in request.headers if name.startswith("x-acs-"))}
        if not must <= set(names) or request.headers.get("x-acs-content-sha256") != signing.content_hash(body):
            return "SignatureDoesNotMatch"
        signed = {name: request.headers.get(name, "") for name in names}
        parameters = {key: str(value) for key, value in request.query_params.items()}
        expected = signing.signature(self._options.key, request.method, request.url.path, parameters, signed)
        if not same_secret(expected, parts.get("Signature", "")):
            return "SignatureDoesNotMatch"
        at = datetime.strptime(request.headers["x-acs-date"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
        if abs((self._book.clock.now() - at).total_seconds()) > FRESH_S_MAX:
            return "InvalidTimeStamp.Expired"
        if not nonce or nonce in self._nonces:
            return "SignatureNonceUsed"
        self._nonces.add(nonce)
        return ""

    def _send(self, asked: dict[str, str]) -> Response[Any]:
        text = self._options.templates().get(asked.get("TemplateCode", ""))
        if asked.get("SignName") != self._options.sign_name:
            return _refused("isv.SMS_SIGNATURE_ILLEGAL")
        if text is None:
            return _refused("isv.SMS_TEMPLATE_ILLEGAL")
        trouble = self._book.next_trouble()
        if trouble in {"limit", "unsubscribed"}:
            return _refused("isv.BUSINESS_LIMIT_CONTROL" if trouble == "limit" else "isv.MOBILE_NUMBER_ILLEGAL")
        if trouble in {"error", "lost_request"}:
            return Response("", status_code=500 if trouble == "error" else 504)
        variables = msgspec.json.decode(asked.get("TemplateParam", "{}"), type=dict[str, str])
        sent = self._book.take(
            Sent(
                provider="aliyun",
                reference=new_id(),
                number=_full(asked["PhoneNumbers"]),
                sender=asked["SignName"],
                text=text.format_map(variables),
                context=asked.get("OutId", ""),
                template=asked["TemplateCode"],
                status=status_under(trouble),
            )
        )
        if trouble == "lost_answer":
            return Response("", status_code=504)
        return Response({"Code": "OK", "Message": "OK", "BizId": sent.reference, "RequestId": new_id()})

    def _details(self, asked: dict[str, str]) -> Response[Any]:
        found = [
            sent
            for sent in self._book.to("aliyun", _full(asked["PhoneNumber"]))
            if f"{from_micros(sent.at_us).astimezone(_ZONE):%Y%m%d}" == asked["SendDate"]
            and asked.get("BizId", sent.reference) == sent.reference
        ]
        size, page = int(asked["PageSize"]), int(asked["CurrentPage"])
        shown = [_detail(sent) for sent in found[size * (page - 1) : size * page]]
        total = {"TotalCount": str(len(found)), "SmsSendDetailDTOs": {"SmsSendDetailDTO": shown}}
        return Response({"Code": "OK", "Message": "OK", "RequestId": new_id(), **total})


def _detail(sent: Sent) -> dict[str, Any]:
    error = {"sent": "", "failed": "MOBILE_NOT_ON_SERVICE", "delivered": "DELIVERED"}[sent.status]
    when = f"{from_micros(sent.at_us).astimezone(_ZONE):%Y-%m-%d %H:%M:%S}"
    return {
        "PhoneNum": sent.number.removeprefix("+86"),
        "SendStatus": _SEND_STATUS[sent.status],
        "ErrCode": error,
        "OutId": sent.context,
        "TemplateCode": sent.template,
        "Content": f"【{sent.sender}】{sent.text}",
        "SendDate": when,
        "ReceiveDate": when,
    }


def _refused(code: str, status: int = 200) -> Response[Any]:
    return Response({"Code": code, "Message": code, "RequestId": new_id()}, status_code=status)


def _full(number: str) -> str:
    """E.164 of a number as Aliyun takes it: 11 digits are of mainland China."""
    return f"+86{number}" if len(number) == 11 and number.startswith("1") else f"+{number}"
