"""What the contract suite needs of a provider: the provider, and the hands that its shoppers and accidents need.

To add a provider, write ``rig_<kind>.py`` with a context manager ``running(directory)`` that starts its sandbox and
yields a factory of rigs, and name it in ``RIGS`` of ``conftest.py``. A sandbox made with the kit needs little more than
:class:`KitRig` with ``provider``, ``resigned``, ``impostor`` and ``stranger``.
"""

from typing import Any, Protocol

import httpx
from tests.support.sandboxes import SandboxProcess
from tests.support.wallets import Listener, Told

from unqueue.providers.port import FRESH_S_MAX, Action, AttemptStatus, Provider

JSON = {"Accept": "application/json"}
# Sandboxes speak plain HTTP: verify=False spares each client the reading of all certificates (0.1 s).


class Rig(Protocol):
    """A provider under test. ``declined`` is what it says of an attempt whose shopper would not pay; ``waiting`` of one
    that nobody has looked at yet; ``expired`` of one that nobody has looked at in time. ``tells_refunds``: it notifies
    of refunds, ``tells_declines``: of declines. ``begun_by_browser``: it hears of an attempt from the shopper's
    browser, and not from the store. ``closes``: it can be told to take no money; ``revokes``: for what it has not heard
    of, too, and then still does not know it. ``age_s_max``: how old a notification may be.
    """

    provider: Provider
    listener: Listener
    declined: AttemptStatus
    waiting: AttemptStatus
    expired: AttemptStatus
    tells_refunds: bool
    tells_declines: bool
    begun_by_browser: bool
    closes: bool
    revokes: bool
    age_s_max: int

    def shopper_pays(self, action: Action, trouble: str = "none") -> None: ...
    def shopper_declines(self, action: Action) -> None: ...
    def crash(self) -> None: ...
    def come_back(self) -> None: ...

    def resigned(self, told: Told, at_s: int) -> Told:
        """The same message as the provider would have signed it at another time."""
        ...

    def impostor(self) -> Provider:
        """The account, expecting answers signed with another key than the provider's."""
        ...

    def stranger(self) -> Provider:
        """The account, signing with a key that the provider does not know."""
        ...


class KitRig:
    """A rig on a sandbox that is made with the kit."""

    declined: AttemptStatus = "failed"
    waiting: AttemptStatus = "pending"
    expired: AttemptStatus = "closed"
    tells_refunds = False
    tells_declines = False
    begun_by_browser = False
    closes = True
    revokes = False
    age_s_max = FRESH_S_MAX

    def __init__(self, process: SandboxProcess, listener: Listener) -> None:
        self.process = process
        self.listener = listener

    def cashier_url(self, action: Action) -> str:
        """Where the shopper's phone gets to with an action; empty where it gets nowhere."""
        with httpx.Client(trust_env=False, verify=False, follow_redirects=True, headers=JSON) as phone:
            if action.kind == "qr":
                answer = phone.get(self.process.url + "/scan", params={"code": action.url})
                return str(answer.json().get("cashier_url", ""))
            if action.kind == "form":
                return str(phone.post(action.url, data=action.fields).url)
            return str(phone.get(action.url).url)

    def shopper_pays(self, action: Action, trouble: str = "none") -> None:
        self._press(action, "pay", trouble)

    def shopper_declines(self, action: Action) -> None:
        self._press(action, "decline", "none")

    def _press(self, action: Action, button: str, trouble: str) -> None:
        form = {"action": button, "trouble": trouble}
        if url := self.cashier_url(action):
            httpx.post(url, data=form, headers=JSON, trust_env=False, verify=False)

    def crash(self) -> None:
        self.process.kill()

    def come_back(self) -> None:
        self.process.start()


def untouched(action: Action) -> dict[str, Any]:
    """What of an action is the same each time it is asked for: signatures for the wallet are made anew."""
    package = {name: value for name, value in action.fields.items() if name == "package"}
    return {"kind": action.kind, "url": action.url, "fields": package if action.kind == "bridge" else action.fields}
