"""Refusals as HTTP: every error leaves as an RFC 9457 problem document with texts in both languages."""

import logging
from typing import Any, ClassVar

import msgspec
from litestar import Request, Response
from litestar.datastructures import State
from litestar.exceptions import HTTPException, ValidationException
from litestar.types import ExceptionHandlersMap

from unqueue.kernel.errors import DomainError, InvalidRequest, NotFound

_log = logging.getLogger(__name__)
AnyRequest = Request[Any, Any, State]
PROBLEM_TYPE = b"application/problem+json; charset=utf-8"


class Unexpected(DomainError):
    code: ClassVar[str] = "internal_error"
    status: ClassVar[int] = 500
    permanent: ClassVar[bool] = False
    zh: ClassVar[str] = "系统出了点问题，请稍候再试或叫店员"
    en: ClassVar[str] = "Something went wrong on our side. Please try again, or call our staff."


class Unsupported(DomainError):
    code: ClassVar[str] = "unsupported"
    status: ClassVar[int] = 405
    zh: ClassVar[str] = "不支持这个请求"
    en: ClassVar[str] = "This request is not supported here."


def problem_document(error: DomainError) -> bytes:
    """The refusal as ``application/problem+json`` (RFC 9457 section 3)."""
    return msgspec.json.encode(error.problem())


def problem_response(error: DomainError, status: int | None = None) -> Response[bytes]:
    body = error.problem()
    if status is not None:
        body["status"] = status
    return Response(msgspec.json.encode(body), status_code=body["status"], media_type=PROBLEM_TYPE.decode())


def _domain(_: AnyRequest, error: DomainError) -> Response[bytes]:
    return problem_response(error)


def _invalid(_: AnyRequest, error: ValidationException) -> Response[bytes]:
    found = error.extra if isinstance(error.extra, list) else []
    told = "; ".join(f"{entry.get('key', '')}: {entry.get('message', '')}" for entry in found) or error.detail
    return problem_response(InvalidRequest(problem=told))


def _undecodable(request: AnyRequest, error: Exception) -> Response[bytes]:
    """A body that is no UTF-8, or nested beyond all measure."""
    _log.info("%s %s: %r", request.method, request.url.path, error)
    return problem_response(InvalidRequest(problem="the body can't be read as JSON"))


def _http(_: AnyRequest, error: HTTPException) -> Response[bytes]:
    if error.status_code == 404:
        return problem_response(NotFound())
    if error.status_code < 500:
        if error.status_code == 400:
            return problem_response(InvalidRequest(problem=error.detail))
        return problem_response(Unsupported(), error.status_code)
    return problem_response(Unexpected())


def _unexpected(request: AnyRequest, error: Exception) -> Response[bytes]:
    _log.error("%s %s failed", request.method, request.url.path, exc_info=error)
    return problem_response(Unexpected())


EXCEPTION_HANDLERS: ExceptionHandlersMap = {
    DomainError: _domain,
    ValidationException: _invalid,
    HTTPException: _http,
    UnicodeDecodeError: _undecodable,
    RecursionError: _undecodable,
    Exception: _unexpected,
}
