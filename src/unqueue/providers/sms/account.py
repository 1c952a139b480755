"""An account at an SMS provider, as the adapters need it."""

import msgspec

from unqueue.providers.sms.port import Language


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """Who sends, and with which approved texts. See ``[sms]`` in unqueue.toml.example."""

    account: str
    key: str
    url: str = ""
    sign_name: str = ""
    template_zh: str = ""
    template_en: str = ""
    app_id: str = ""
    region: str = ""
    from_number: str = ""

    def template(self, language: Language) -> str:
        """The template of a language; the Chinese one where there is no other."""
        return (self.template_en if language == "en" else self.template_zh) or self.template_zh or self.template_en

    def __repr__(self) -> str:
        return f"Account(account={self.account!r})"  # the key stays out of logs
