"""Coupons from a JSON or CSV file. What can't be used is told: the coupon, the field, what is wrong, how to mend it."""

import csv
import io
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, get_args, get_origin

import msgspec

from unqueue.server.coupons.rules import Common, Coupon
from unqueue.server.promotions.entries import EntriesInvalid, Problem, Sort

_SERIAL_COLUMNS = {"id", "serial"}
_ON_COLUMNS = ("product_ids", "gtins", "categories", "everything")
_OFFER_COLUMNS = ("funder_id", "offer_code")


class CouponsInvalid(EntriesInvalid):
    """Nothing of the file was used. Details: ``problem`` for people, ``problems`` one by one."""

    code: ClassVar[str] = "coupons_invalid"
    status: ClassVar[int] = 422
    zh: ClassVar[str] = "优惠券有误，没有导入：{problem}"
    en: ClassVar[str] = "The coupons can't be used, so none was imported: {problem}"


class Loaded(msgspec.Struct, frozen=True):
    """What a file holds: coupons, or more serials (by coupon id) for coupons that are there."""

    coupons: tuple[Coupon, ...] = ()
    serials: dict[str, tuple[str, ...]] = {}


def load(file: Path) -> Loaded:
    """A file of coupons: JSON, or CSV where its name ends so. CouponsInvalid names everything that can't be used."""
    try:
        data = file.read_bytes()
    except OSError as error:
        raise CouponsInvalid([Problem(str(file), "", str(error), "Give the path of a file of coupons")]) from error
    return read_csv(data) if file.suffix.lower() == ".csv" else Loaded(tuple(read_json(data)))


def read_json(data: bytes) -> list[Coupon]:
    """The coupons of a JSON text, a list of objects."""
    try:
        entries = msgspec.json.decode(data)
    except msgspec.DecodeError as error:
        raise CouponsInvalid([Problem("the file", "", f"not JSON: {error}", "Mend the JSON there")]) from error
    if not isinstance(entries, list):
        raise CouponsInvalid([Problem("the file", "", "not a list", "Put the coupons between [ and ]")])
    return _read(entries, strict=True)


def read_csv(data: bytes) -> Loaded:
    """The coupons of a CSV text with a header: a column a field, lists with spaces between; or its columns are
    ``id`` and ``serial``, and it holds more serials.
    """
    try:
        reader = csv.DictReader(io.StringIO(data.decode("utf-8-sig")))
        rows = [{name: value for name, value in row.items() if value} for row in reader]
    except (UnicodeDecodeError, csv.Error) as error:
        raise CouponsInvalid([Problem("the file", "", f"not CSV in UTF-8: {error}", "Save it as such")]) from error
    columns = [name.strip() for name in reader.fieldnames or ()]
    if set(columns) != _SERIAL_COLUMNS:
        return Loaded(tuple(_read([_entry(row) for row in rows], strict=False)))
    serials: dict[str, list[str]] = {}
    problems = []
    for number, row in enumerate(rows, 2):
        serial = row.get("serial", "")
        if not row.get("id") or not re.fullmatch(r"[A-Z0-9]{4,40}", serial):
            mend = "Write 4 to 40 capital letters and digits"
            problems.append(Problem(f"line {number}", "serial", f"{serial!r} is no serial", mend))
        serials.setdefault(row.get("id", ""), []).append(serial)
    if problems:
        raise CouponsInvalid(problems)
    return Loaded(serials={coupon_id: tuple(codes) for coupon_id, codes in serials.items()})


def _entry(row: dict[Any, Any]) -> dict[str, Any]:
    """A row as the object that it stands for."""
    entry: dict[str, Any] = {}
    for column, value in row.items():
        name = str(column).strip()
        is_list = name in _LISTS or name in {"product_ids", "gtins", "categories"}
        inner = "on" if name in _ON_COLUMNS else "offer" if name in _OFFER_COLUMNS else None
        target = entry.setdefault(inner, {}) if inner else entry
        target[name] = value.split() if is_list and isinstance(value, str) else value
    return entry


def _read(entries: Sequence[Any], *, strict: bool) -> list[Coupon]:
    coupons: list[Coupon] = []
    problems: list[Problem] = []
    for number, entry in enumerate(entries, 1):
        found = _SORT.problems(number, entry, strict=strict)
        if found:
            problems += found
        else:
            coupons.append(msgspec.convert(entry, Coupon, strict=strict))
    problems += _SORT.twice(coupon.id for coupon in coupons)
    if problems:
        raise CouponsInvalid(problems)
    return coupons


def _is_list(annotation: Any) -> bool:
    return any(get_origin(one) is tuple for one in (annotation, *get_args(annotation)))


_KINDS: dict[str, type[Common]] = {str(kind.__struct_config__.tag): kind for kind in get_args(Coupon)}
_SORT = Sort("coupon", _KINDS, "docs/guides/coupons.md shows every kind")
_LISTS = {field.name for kind in _KINDS.values() for field in msgspec.structs.fields(kind) if _is_list(field.type)}
