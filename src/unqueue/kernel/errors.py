"""Refusals. What a user can cause is a DomainError with its HTTP status and its text in Chinese and English."""

from typing import Any, ClassVar


class DomainError(Exception):
    """A refusal that is part of the contract: stable ``code``, HTTP ``status``, texts, and whether a retry can help.

    Subclasses set the class attributes; ``zh`` and ``en`` may hold ``{placeholders}`` that the keyword arguments
    fill. The arguments also travel as extra members of the RFC 9457 problem document.
    """

    code: ClassVar[str] = "error"
    status: ClassVar[int] = 400
    permanent: ClassVar[bool] = True
    zh: ClassVar[str] = "出错了"
    en: ClassVar[str] = "Something went wrong."

    def __init__(self, **details: Any) -> None:
        self.details = details
        super().__init__(f"{self.code}: {self.text_en}")

    @property
    def text_zh(self) -> str:
        return self.zh.format_map(self.details)

    @property
    def text_en(self) -> str:
        return self.en.format_map(self.details)

    def problem(self) -> dict[str, Any]:
        """The RFC 9457 document. ``type`` is a stable relative reference; ``code`` is its last segment."""
        return {
            **self.details,
            "type": f"/problems/{self.code}",
            "title": self.text_en,
            "status": self.status,
            "code": self.code,
            "zh": self.text_zh,
            "en": self.text_en,
            "permanent": self.permanent,
        }


class InvalidRequest(DomainError):
    code = "invalid_request"
    zh = "请求有误：{problem}"
    en = "The request is not valid: {problem}"


class NotAuthenticated(DomainError):
    code = "not_authenticated"
    status = 401
    zh = "请重新开始：没有有效的凭证"
    en = "Please start again: no valid token came with the request."


class NotFound(DomainError):
    """Also the answer to a principal who asks for another's object: it learns nothing."""

    code = "not_found"
    status = 404
    zh = "没有找到"
    en = "Not found."


class Busy(DomainError):
    code = "busy"
    status = 503
    permanent = False
    zh = "系统繁忙，请稍候再试"
    en = "The store is busy. Please try again in a moment."
