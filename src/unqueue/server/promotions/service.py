"""The use cases of promotions: import rules, price baskets with what is in force, and tell what that is."""

import asyncio
import contextlib
import logging
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

import msgspec
from sqlalchemy import Connection

from unqueue.kernel.database import Database, Transaction
from unqueue.server.promotions import store
from unqueue.server.promotions.loader import PromotionsInvalid, check_together, load_rules
from unqueue.server.promotions.model import Pricing, PricingLine, RuleBook
from unqueue.server.promotions.rules import Rule, is_for_members

__all__ = ["ImportReport", "OfferView", "Promotions", "PromotionsInvalid", "import_rules", "load_rules"]

RELOAD_SECONDS = 1.0
_log = logging.getLogger(__name__)


class ImportReport(msgspec.Struct, frozen=True):
    """How many rules an import added, changed, left as they were, and removed."""

    added: int
    changed: int
    unchanged: int
    removed: int

    def __str__(self) -> str:
        return f"{self.added} added, {self.changed} changed, {self.unchanged} unchanged, {self.removed} removed"


class OfferView(msgspec.Struct, frozen=True):
    """An offer in force, as everyone may know it. ``valid_until`` is None for one without an end."""

    promotion_id: str
    zh: str
    en: str
    members_only: bool
    valid_until: datetime | None


def import_rules(database: Database, rules: Sequence[Rule], *, actor: str, replace: bool = False) -> ImportReport:
    """Add and change rules, in one unit of work; the same rules again change nothing.

    With ``replace`` the rules that are not among them are removed. PromotionsInvalid for two rules of one id, or for
    rules in several currencies.
    """
    _check(rules)
    ids = {rule.id for rule in rules}

    def write(tx: Transaction) -> ImportReport:
        known = store.stored(tx.connection)
        if not replace:
            _check([*rules, *(rule for rule in store.all_rules(tx.connection) if rule.id not in ids)])
        counts: Counter[str] = Counter()
        for rule in rules:
            data = msgspec.json.encode(rule).decode()
            if known.get(rule.id) == data:
                counts["unchanged"] += 1
                continue
            counts["changed" if rule.id in known else "added"] += 1
            store.save(tx, rule, data, actor=actor, is_new=rule.id not in known)
        gone = sorted(known.keys() - ids) if replace else []
        for promotion_id in gone:
            store.remove(tx, promotion_id, actor=actor)
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

    def offers(self, at: datetime, limit: int) -> list[OfferView]:
        """The first ``limit`` offers that hold at ``at`` (the store's local time), in order of their ids."""
        return [
            OfferView(
                rule.id,
                rule.zh,
                rule.en,
                is_for_members(rule),
                rule.valid_until.astimezone(UTC) if rule.valid_until else None,
            )
            for rule in self._book.rules_at(at)[:limit]
        ]

    async def reload(self) -> None:
        """Read the rules again if they changed."""
        if await self._database.read(store.version) != self._version:
            # Thousands of rules take a while to make ready: in the reader's thread, so that nobody waits.
            self._version, self._book = await self._database.read_long(_read_book)

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(RELOAD_SECONDS)
            try:
                await self.reload()
            except Exception:  # noqa: BLE001  # the rules in force stay, whatever keeps the new ones away
                _log.exception("the promotions could not be read again")


def _read_book(connection: Connection) -> tuple[tuple[int, int], RuleBook]:
    version = store.version(connection)  # first: a change that comes in between is read again next time
    return version, RuleBook(store.all_rules(connection))


def _check(rules: Sequence[Rule]) -> None:
    if problems := check_together(rules):
        raise PromotionsInvalid(problems)
