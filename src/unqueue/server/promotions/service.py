"""The use cases of promotions: read a file of rules, import it, and price baskets with what is in force."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar

import msgspec

from unqueue.kernel.database import Database, Transaction
from unqueue.kernel.errors import DomainError
from unqueue.server.promotions import store
from unqueue.server.promotions.model import Pricing, PricingLine, RuleBook
from unqueue.server.promotions.rules import Rule

RELOAD_SECONDS = 1.0


class PromotionsInvalid(DomainError):
    """Details: ``problem``, which names the rule, the field, and what to do."""

    code: ClassVar[str] = "promotions_invalid"
    status: ClassVar[int] = 422
    zh: ClassVar[str] = "促销规则有误：{problem}"
    en: ClassVar[str] = "The promotions can't be used: {problem}"


class ImportReport(msgspec.Struct, frozen=True):
    """How many rules an import added, changed, left as they were, and removed."""

    added: int
    changed: int
    unchanged: int
    removed: int

    def __str__(self) -> str:
        return f"{self.added} added, {self.changed} changed, {self.unchanged} unchanged, {self.removed} removed"


def load_rules(file: Path) -> list[Rule]:
    """The rules of a JSON file, a list of objects. PromotionsInvalid names the first rule that can't be used."""
    try:
        entries = msgspec.json.decode(file.read_bytes(), type=list[msgspec.Raw])
    except (OSError, msgspec.MsgspecError) as error:
        raise PromotionsInvalid(problem=f"{file}: {error}") from error
    rules: list[Rule] = []
    for position, entry in enumerate(entries, 1):
        try:
            rules.append(_decoder.decode(entry))
        except msgspec.MsgspecError as error:
            raise PromotionsInvalid(problem=f"{file}: {_name(position, entry)}: {error}") from error
    return rules


def import_rules(database: Database, rules: Sequence[Rule], *, actor: str, replace: bool = False) -> ImportReport:
    """Add and change rules, in one unit of work; the same rules again change nothing.

    With ``replace`` the rules that are not among them are removed. PromotionsInvalid for two rules of one id, or for
    rules in several currencies.
    """
    _check(rules)

    def write(tx: Transaction) -> ImportReport:
        known = store.stored(tx.connection)
        others = [rule for rule in store.all_rules(tx.connection) if rule.id not in {one.id for one in rules}]
        if not replace:
            _check([*rules, *others])
        counts: Counter[str] = Counter()
        for rule in rules:
            data = msgspec.json.encode(rule).decode()
            if known.get(rule.id) == data:
                counts["unchanged"] += 1
                continue
            counts["changed" if rule.id in known else "added"] += 1
            store.save(tx, rule, data, is_new=rule.id not in known)
        gone = sorted(known.keys() - {rule.id for rule in rules}) if replace else []
        for promotion_id in gone:
            store.remove(tx, promotion_id)
        if counts["added"] or counts["changed"] or gone:
            tx.record("promotions.imported", "promotions", actor, {**counts, "removed": len(gone)})
        return ImportReport(counts["added"], counts["changed"], counts["unchanged"], len(gone))

    return database.write_now(write)


class Promotions:
    """The promotions in force. Another process may import: the rules are read again when they changed."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._book = RuleBook(())
        self._version: tuple[int, int] = (0, 0)
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Read the rules, and keep an eye on them."""
        await self.reload()
        self._task = asyncio.create_task(self._watch())

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    def price(self, lines: Iterable[PricingLine], *, at: datetime, member: bool) -> Pricing:
        """The discounts of a basket; ``at`` is the store's local time."""
        return self._book.price(lines, at=at, member=member)

    async def reload(self) -> None:
        """Read the rules again if they changed."""
        version = await self._database.read(store.version)
        if version != self._version:
            self._book = RuleBook(await self._database.read_long(store.all_rules))
            self._version = version

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(RELOAD_SECONDS)
            with contextlib.suppress(Exception):  # the database is away for a moment; the rules in force stay
                await self.reload()


def _check(rules: Sequence[Rule]) -> None:
    repeated = [rule_id for rule_id, count in Counter(rule.id for rule in rules).items() if count > 1]
    if repeated:
        raise PromotionsInvalid(problem=f"two rules are called {repeated[0]}; give each its own id")
    currencies = sorted({rule.currency for rule in rules})
    if len(currencies) > 1:
        raise PromotionsInvalid(problem=f"rules in {' and '.join(currencies)}; a store has one currency")


def _name(position: int, entry: msgspec.Raw) -> str:
    """How to find a rule in its file: by its id, if it has one."""
    try:
        known: Any = msgspec.json.decode(entry)
    except msgspec.MsgspecError:
        return f"rule {position}"
    return f"rule {position} ({known['id']})" if isinstance(known, dict) and "id" in known else f"rule {position}"


_decoder: msgspec.json.Decoder[Rule] = msgspec.json.Decoder(Rule)
