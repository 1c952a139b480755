"""Importing a file of products: read and compared first, then written in one unit of work.

Only what is new or changed reaches the database, so a second import of the same file writes nothing; and the write
lock is held for the writing alone.
"""

import csv
import hashlib
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import IO, Self

import msgspec
from sqlalchemy import Connection

from unqueue.kernel.database import Database, Transaction
from unqueue.server.catalogue import store
from unqueue.server.catalogue.given import RowRefused
from unqueue.server.catalogue.merging import merge
from unqueue.server.catalogue.model import Product
from unqueue.server.catalogue.quantity import parse_quantity
from unqueue.server.catalogue.sources import Rejected, Row, Source, recognise
from unqueue.server.catalogue.store import Record

Progress = Callable[[str, int, int], None]
"""Hears a stage ("read" or "write"), how much is done, and how much there is in all."""

_BATCH_ROWS = 2000
_PRODUCTS_IN_EVENT = 100
_SPOOL_BYTES_IN_MEMORY = 64 << 20
_ATTEMPTS_MAX = 5


class ImportReport(msgspec.Struct):
    """What became of a file. ``unparsed`` rows were taken, but their quantity was not understood."""

    file: str
    format: str
    rows: int = 0
    added: int = 0
    changed: int = 0
    unchanged: int = 0
    rejected: int = 0
    unparsed: int = 0
    unpriced: int = 0
    version: int = 0


class CatalogueMoved(Exception):
    """Someone else changed the catalogue between comparing and writing."""


def import_products(
    database: Database,
    path: Path,
    *,
    currency: str,
    actor: str,
    rejects: Path | None = None,
    progress: Progress | None = None,
    dry_run: bool = False,
) -> ImportReport:
    """Import a file (formats: :mod:`unqueue.server.catalogue.sources`) for a store that sells in ``currency``.

    Rows that cannot be used, and rows whose quantity was not understood, are listed in the CSV ``rejects``, which is
    made only when there are any. ``dry_run`` does everything but write. Blocks; for command lines and start-up.
    Raises SourceUnreadable.
    """
    source = recognise(path)
    digest = _digest(path)
    for _ in range(_ATTEMPTS_MAX):
        attempt = _Import(database, source, digest, currency, actor, progress or _untold)
        try:
            return attempt.run(rejects, dry_run=dry_run)
        except CatalogueMoved:
            continue
    raise CatalogueMoved


class _Import(msgspec.Struct, frozen=True):
    """One attempt at importing one file."""

    database: Database
    source: Source
    digest: str
    currency: str
    actor: str
    tell: Progress

    def run(self, rejects: Path | None, *, dry_run: bool) -> ImportReport:
        report = ImportReport(self.source.path.name, self.source.format)
        known_version = report.version = self.database.read_now(store.version)
        with tempfile.SpooledTemporaryFile(_SPOOL_BYTES_IN_MEMORY) as file, _Rejects(rejects, report.file) as listed:
            spool = _Spool(file)
            comparison = _Comparison(report, self.currency, listed, is_first=known_version == 0)
            rows = self.source.rows(self.currency, lambda done, total: self.tell("read", done, total))
            for batch in _batches(comparison.readable(rows)):
                compare = partial(comparison.compare, rows=batch)
                spool.add(self.database.read_now(compare))
                listed.flush()
            if dry_run or spool.count == 0:
                return report

            def write(tx: Transaction) -> int:
                if store.version(tx.connection) != known_version:
                    raise CatalogueMoved
                return self._write(tx, spool, report)

            report.version = self.database.write_now(write)
            return report

    def _write(self, tx: Transaction, spool: "_Spool", report: ImportReport) -> int:
        version = report.version + 1
        done = 0
        for changes in spool:
            store.insert_records(tx, changes.new)
            store.update_records(tx, changes.changed)
            touched: list[Product] = [record.product for record in (*changes.new, *changes.changed)]
            for products in store.chunks(touched, _PRODUCTS_IN_EVENT):
                tx.record("products.changed", "catalogue", self.actor, {"version": version, "products": products})
            done += len(touched)
            self.tell("write", done, spool.count)
        store.set_version(tx, version)
        summary = {"version": version, "file": report.file, "sha256": self.digest, "rows": report.rows}
        counts = {"added": report.added, "changed": report.changed, "rejected": report.rejected}
        tx.record("catalogue.imported", "catalogue", self.actor, {**summary, **counts})
        return version


class _Changes(msgspec.Struct, frozen=True):
    new: list[Record]
    changed: list[Record]


class _Comparison:
    """Turns rows into the records they change, and counts."""

    def __init__(self, report: ImportReport, currency: str, listed: "_Rejects", *, is_first: bool) -> None:
        self._report = report
        self._is_first = is_first
        self._currency = currency
        self._listed = listed
        self._lines: dict[str, int] = {}

    def readable(self, items: Iterator[Row | Rejected]) -> Iterator[Row]:
        """The rows that are fit to be compared; the others are listed."""
        for item in items:
            self._report.rows += 1
            if isinstance(item, Rejected):
                self._reject(item.line, item.cause, item.raw)
                continue
            codes = {item.given.gtin, *(item.given.other_codes or ())}
            if item.given.product_id is not None:
                codes.add(f"product_id {item.given.product_id}")
            if twice := next((code for code in codes if code in self._lines), None):
                self._reject(item.line, f"{twice} is on line {self._lines[twice]} already", item.raw)
                continue
            self._lines.update(dict.fromkeys(codes, item.line))
            yield item

    def compare(self, connection: Connection, rows: list[Row]) -> _Changes:
        """What a batch changes in what is stored."""
        owners: dict[str, str] = {}
        if not self._is_first:
            gtins = [code for row in rows for code in (row.given.gtin, *(row.given.other_codes or ()))]
            owners = store.owners(connection, gtins)
        ids = {row.line: row.given.product_id or owners.get(row.given.gtin) or row.given.gtin for row in rows}
        known = {} if self._is_first else store.records(connection, list(ids.values()))
        changes = _Changes([], [])
        for row in rows:
            try:
                self._compare_row(row, ids[row.line], owners, known.get(ids[row.line]), changes)
            except RowRefused as refused:
                self._reject(row.line, str(refused), row.raw)
        return changes

    def _compare_row(
        self, row: Row, product_id: str, owners: dict[str, str], known: Record | None, changes: _Changes
    ) -> None:
        given = row.given
        for code in (given.gtin, *(given.other_codes or ())):
            if owners.get(code, product_id) != product_id:
                raise RowRefused(f"{code} belongs to product {owners[code]}")
        if known is not None and known.product.gtin != given.gtin and given.gtin not in known.other_codes:
            raise RowRefused(f"product {product_id} has the GTIN {known.product.gtin}; add others in other_codes")
        record = merge(known, given, product_id, self._currency)
        text = record.product.quantity_text
        if text and "quantity_text" in given.fields and parse_quantity(text) is None:
            self._report.unparsed += 1
            self._listed.add(row.line, "kept", f"quantity not understood: {text}", row.raw)
        self._report.unpriced += record.product.status == "unpriced"
        if known is None:
            self._report.added += 1
            changes.new.append(record)
        elif record == known:
            self._report.unchanged += 1
        else:
            self._report.changed += 1
            changes.changed.append(record)

    def _reject(self, line: int, cause: str, raw: str) -> None:
        self._report.rejected += 1
        self._listed.add(line, "rejected", cause, raw)


class _Spool:
    """Changes on their way from comparing to writing: in memory, or on disk where there are many."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._decoder = msgspec.msgpack.Decoder(_Changes)
        self.count = 0

    def add(self, changes: _Changes) -> None:
        if changes.new or changes.changed:
            body = msgspec.msgpack.encode(changes)
            self._file.write(len(body).to_bytes(8, "big") + body)
            self.count += len(changes.new) + len(changes.changed)

    def __iter__(self) -> Iterator[_Changes]:
        self._file.seek(0)
        while size := self._file.read(8):
            yield self._decoder.decode(self._file.read(int.from_bytes(size, "big")))


class _Rejects:
    """The list of rows that want a look: file, line, outcome ("rejected" or "kept"), cause, and the row itself."""

    def __init__(self, path: Path | None, name: str) -> None:
        self._path = path
        self._name = name
        self._file: IO[str] | None = None
        self._pending: list[tuple[int, str, str, str]] = []

    def add(self, line: int, outcome: str, cause: str, raw: str) -> None:
        if self._path is not None:
            self._pending.append((line, outcome, cause, raw))

    def flush(self) -> None:
        """Write what was added since the last time, in the order of lines."""
        if not self._pending or self._path is None:
            return
        is_new = self._file is None
        if self._file is None:
            self._file = self._path.open("w", encoding="utf-8", newline="")
        writer = csv.writer(self._file)
        if is_new:
            writer.writerow(["file", "line", "outcome", "cause", "row"])
        writer.writerows((self._name, *entry) for entry in sorted(self._pending))
        self._pending.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.flush()
        if self._file is not None:
            self._file.close()


def _untold(stage: str, done: int, total: int) -> None:
    """Nobody wants to hear of the progress."""


def _batches(rows: Iterator[Row]) -> Iterator[list[Row]]:
    batch: list[Row] = []
    for row in rows:
        batch.append(row)
        if len(batch) == _BATCH_ROWS:
            yield batch
            batch = []
    if batch:
        yield batch


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
