"""Twilio's side: the Message resource, behind HTTP Basic authentication (RFC 7617)."""

import base64
from typing import Any

from litestar import Request, Response

from unqueue.kernel.clock import from_micros
from unqueue.kernel.ids import new_id, same_secret
from unqueue.providers.sms.sandbox.book import Book, Sent, status_under
from unqueue.providers.sms.sandbox.options import Options


class TwilioDoor:
    """``/2010-04-01/Accounts/{sid}/Messages…``."""

    def __init__(self, book: Book, options: Options) -> None:
        self._book = book
        self._options = options

    async def answer(self, request: Request[Any, Any, Any], account: str, sid: str = "") -> Response[Any]:
        pair = base64.b64encode(f"{self._options.account}:{self._options.key}".encode()).decode()
        if not same_secret(request.headers.get("authorization", ""), f"Basic {pair}"):
            return _refused(20003, 401)
        if account != self._options.account:
            return _refused(20404, 404)
        if request.method == "POST":
            return self._send({name: str(value) for name, value in (await request.form()).items()})
        if sid:
            found = [sent for sent in self._book.messages if sent.reference == sid]
            return Response(_shown(found[0])) if found else _refused(20404, 404)
        newest_first = self._book.to("twilio", request.query_params.get("To", ""))[::-1]
        return Response({"messages": [_shown(sent) for sent in newest_first], "next_page_uri": None})

    def _send(self, asked: dict[str, str]) -> Response[Any]:
        sender = asked.get("From") or asked.get("MessagingServiceSid")
        if not sender:
            return _refused(21603, 400)
        trouble = self._book.next_trouble()
        if trouble in {"limit", "unsubscribed"}:
            return _refused(20429, 429) if trouble == "limit" else _refused(21610, 400)
        if trouble in {"error", "lost_request"}:
            return Response("", status_code=500 if trouble == "error" else 504)
        sent = self._book.take(
            Sent(
                provider="twilio",
                reference=f"SM{new_id()}",
                number=asked["To"],
                sender=sender,
                text=asked["Body"],
                status=status_under(trouble),
            )
        )
        if trouble == "lost_answer":
            return Response("", status_code=504)
        return Response({**_shown(sent), "status": "queued", "error_code": None}, status_code=201)


def _shown(sent: Sent) -> dict[str, Any]:
    return {
        "sid": sent.reference,
        "to": sent.number,
        "from": sent.sender,
        "body": sent.text,
        "status": {"sent": "sent", "failed": "undelivered", "delivered": "delivered"}[sent.status],
        "error_code": 30003 if sent.status == "failed" else None,
        "date_sent": f"{from_micros(sent.at_us):%a, %d %b %Y %H:%M:%S} +0000",
    }


def _refused(code: int, status: int) -> Response[Any]:
    return Response({"code": code, "message": str(code), "status": status}, status_code=status)
