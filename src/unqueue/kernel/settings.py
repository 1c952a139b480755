"""Settings: one TOML file plus the environment, checked before anything starts.

Every complaint names the file and line (or the environment variable), the key, what is wrong and how to mend it, and
all complaints come at once. `UNQUEUE_SERVER__PORT=8080` in the environment stands for `port` under `[server]`; in
lists the position is a part of the name, as in `UNQUEUE_PAYMENTS__PROVIDERS__0__URL`.

`unqueue.toml.example` explains every key.
"""

import os
import tomllib
import zoneinfo
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from unqueue.kernel.settings_lane import Lane, Printer, Scanner
from unqueue.kernel.settings_reading import Complaint, Reader, place_environment
from unqueue.kernel.settings_staff import Staff
from unqueue.kernel.settings_types import (
    Amount,
    Bags,
    CategoryName,
    CompanyPrefix,
    Count,
    Country,
    Currency,
    DatabaseUrl,
    Factor,
    Gln,
    Grams,
    HttpUrl,
    Identifier,
    Minutes,
    Name,
    OptionalHttpUrl,
    Port,
    Rate,
    SerialPort,
    Share,
    Sigmas,
    TimeZone,
)
from unqueue.kernel.toml_lines import Key, key_lines

DEFAULT_DATA_DIR = Path(".unqueue")


class _Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A table of the settings file."""


class Store(_Section, frozen=True, kw_only=True):
    """Who sells: printed on receipts, shown on screens."""

    id: Identifier = "store-1"
    name_zh: Name = "不排队超市"
    name_en: Name = "Unqueue Store"
    address_zh: str = ""
    address_en: str = ""
    tax_id: str = ""
    currency: Currency = "CNY"
    time_zone: TimeZone = "Asia/Shanghai"
    public_url: HttpUrl = "http://localhost:8000"


class Database(_Section, frozen=True, kw_only=True):
    """Where the data lives. Without a `url` it is the SQLite file `unqueue.db` in the server's `data_dir`."""

    url: DatabaseUrl = ""


class Server(_Section, frozen=True, kw_only=True):
    """The merchant server."""

    host: Name = "127.0.0.1"
    port: Port = 8000
    data_dir: Path = DEFAULT_DATA_DIR
    order_expiry_minutes: Minutes = 30
    tls_certificate_file: Path | None = None
    tls_key_file: Path | None = None


class StoreCode(_Section, frozen=True, kw_only=True):
    """A kind of barcode that the store prints itself. The template's notation belongs to the catalogue."""

    name: Name
    template: Name


class Catalogue(_Section, frozen=True, kw_only=True):
    """How codes are read."""

    store_codes: list[StoreCode] = []


class Provider(_Section, frozen=True, kw_only=True):
    """An account at a payment provider. `kind` names the driver, `id` the payment method in the API.

    `options` and `files` hold what only this kind knows, such as `app_id`; each kind refuses keys that it doesn't know.
    A card terminal stands `at` one kiosk, and can be paid with only there.
    """

    id: Identifier
    kind: Identifier
    zh: Name
    en: Name
    url: OptionalHttpUrl = ""
    merchant_id: str = ""
    private_key_file: Path | None = None
    provider_public_key_file: Path | None = None
    options: dict[str, str] = {}
    files: dict[str, Path] = {}
    at: str = ""


class Payments(_Section, frozen=True, kw_only=True):
    """How shoppers can pay. A refund at the service desk that is larger than `second_person_above_minor`, in minor
    units of the store's currency, needs a second member of staff to agree; so does more than that which one person
    puts on cards in a day.
    """

    providers: list[Provider] = []
    second_person_above_minor: Amount = 20_000


class Coupons(_Section, frozen=True, kw_only=True):
    """What holds for all coupons. Goods of `excluded_categories`, and those with an age limit where
    `excludes_age_limited`, are neither reduced nor counted. An AI 8110 that names its retailer is taken only where it
    is this one: by `gs1_company_prefixes`, or by `gln`.
    """

    excluded_categories: list[CategoryName] = msgspec.field(default_factory=lambda: ["tobacco"])
    excludes_age_limited: bool = False
    gs1_company_prefixes: list[CompanyPrefix] = []
    gln: Gln = ""


class Receipts(_Section, frozen=True, kw_only=True):
    """Receipts. `invoice_url` is the page where a shopper asks for an invoice (a template: docs/guides/receipts.md);
    the link to it is signed with the key in `invoice_key_file`.
    """

    invoice_url: OptionalHttpUrl = ""
    invoice_key_file: Path | None = None


class Sms(_Section, frozen=True, kw_only=True):
    """Receipts by SMS. `account` and the key in `key_file` are the provider's: AccessKey, SecretId, or Account SID.

    `country` (ISO 3166) is where a number without a country code belongs; empty: the country of the store's currency.
    """

    provider: Literal["", "aliyun", "tencent", "twilio"] = ""
    url: OptionalHttpUrl = ""
    account: str = ""
    key_file: Path | None = None
    sign_name: str = ""
    template_zh: str = ""
    template_en: str = ""
    app_id: str = ""
    region: str = ""
    from_number: str = ""
    country: Country = ""


class ExitPass(_Section, frozen=True, kw_only=True):
    """The signed code that opens the lane once."""

    minutes: Minutes = 60


class Weighing(_Section, frozen=True, kw_only=True):
    """When a weight is suspicious. While it `learns`, the store finds out what its goods weigh, and `false_alarm` is
    the share of honest baskets that are looked at all the same. Else, and where nothing is known yet: more than
    `sigmas` standard deviations off; 3.3 raises about one false alarm in a thousand. Never less than
    `tolerance_g_min`. Shoppers may name up to `bags_max` bags of their own, which are then expected on the scale;
    `containers` are products of the catalogue that they often bring, such as the store's own bag or box.
    """

    learns: bool = True
    false_alarm: Rate = 0.01
    sigmas: Sigmas = 3.3
    tolerance_g_min: Grams = 10
    own_bag_g_max: Grams = 0
    bags_max: Bags = 2
    containers: tuple[Name, ...] = ()


class Audits(_Section, frozen=True, kw_only=True):
    """Whose goods are scanned again: `rate` of the visits (0: nobody's), times a factor for each rule that applies, at
    most `rate_max`; `full_share` of the audits scan everything, the others `partial_articles` articles chosen by lot.
    A member has `month_max` of them a month at most.
    """

    rate: Share = 0.0
    rate_max: Share = 0.2
    new_shopper_visits: Count = 3
    new_shopper_factor: Factor = 2.0
    value_minor: Amount = 0
    value_factor: Factor = 1.5
    labelled_factor: Factor = 1.5
    differences_factor: Factor = 2.0
    clean_factor: Annotated[float, Meta(ge=0, le=1, description="a number from 0 to 1", examples=[0.5])] = 0.5
    full_share: Share = 0.2
    partial_articles: Annotated[int, Meta(ge=1, le=100, description="a number from 1 to 100", examples=[5])] = 5
    month_max: Annotated[int, Meta(ge=1, le=100, description="a number from 1 to 100", examples=[2])] = 2


class CashDevice(_Section, frozen=True, kw_only=True):
    """A device of the kiosk that takes or gives cash. ccTalk devices of one line share its `port` and differ in their
    `address`; an SSP recycler has a line of its own.
    """

    name: Identifier
    driver: Literal["cctalk_coin_acceptor", "cctalk_bill_validator", "cctalk_hopper", "ssp_recycler"]
    port: SerialPort
    address: Annotated[int, Meta(ge=0, le=255, description="an address from 0 to 255", examples=[2])] = 0
    denomination: str = ""
    options: dict[str, str] = {}


class ExchangeRate(_Section, frozen=True, kw_only=True):
    """What one unit of a foreign currency counts in the store's: a decimal number as text, so that it is exact."""

    currency: Currency
    rate: Name
    valid_from: str = ""
    valid_until: str = ""


class Cash(_Section, frozen=True, kw_only=True):
    """Cash at the kiosk. `step_minor` is the smallest amount that is paid in cash (0: the currency's own rule);
    `float_min` the pieces to keep of a denomination (`CNY-100-coin = 20`).
    """

    devices: list[CashDevice] = []
    rates: list[ExchangeRate] = []
    favour: Literal["shopper", "store"] = "shopper"
    step_minor: Amount = 0
    float_min: dict[str, int] = {}


class Kiosk(_Section, frozen=True, kw_only=True):
    """A pay kiosk's own process, on the kiosk's computer. After `idle_s` seconds without a touch the shopper is asked,
    and `idle_warning_s` later everything is given back.
    """

    id: Identifier
    server_url: HttpUrl
    token: Name
    name: Name = "1"
    host: Name = "127.0.0.1"
    port: Port = 8200
    data_dir: Path = DEFAULT_DATA_DIR / "kiosk"
    scanner: Scanner | None = None
    printer: Printer | None = None
    cash: Cash = Cash()
    currency: Currency = "CNY"
    language: Literal["zh", "en"] = "zh"
    idle_s: Annotated[int, Meta(ge=10, le=600, description="seconds from 10 to 600", examples=[60])] = 60
    idle_warning_s: Annotated[int, Meta(ge=5, le=120, description="seconds from 5 to 120", examples=[20])] = 20

    def __repr__(self) -> str:
        return f"Kiosk(id={self.id!r}, server_url={self.server_url!r})"  # the token stays out of logs


class Desk(_Section, frozen=True, kw_only=True):
    """The service desk. Its `printer` is reached by the server, and prints the slips of returns and debts."""

    printer: Printer | None = None


class Settings(_Section, frozen=True, kw_only=True):
    """Everything that differs from store to store. `lane` and `kiosk` are there on their own computers only."""

    store: Store = Store()
    database: Database = Database()
    server: Server = Server()
    catalogue: Catalogue = Catalogue()
    payments: Payments = Payments()
    coupons: Coupons = Coupons()
    receipts: Receipts = Receipts()
    sms: Sms = Sms()
    desk: Desk = Desk()
    exit_pass: ExitPass = ExitPass()
    weighing: Weighing = Weighing()
    audits: Audits = Audits()
    staff: Staff = Staff()
    lane: Lane | None = None
    kiosk: Kiosk | None = None

    @property
    def database_url(self) -> str:
        """The database's SQLAlchemy URL, with the default filled in.

        >>> Settings(database=Database(url="postgresql://unqueue@localhost/unqueue")).database_url
        'postgresql+psycopg://unqueue@localhost/unqueue'
        """
        if not self.database.url:
            return f"sqlite:///{self.server.data_dir.absolute() / 'unqueue.db'}"
        scheme, _, rest = self.database.url.partition("://")
        return f"{'postgresql+psycopg' if scheme == 'postgresql' else scheme}://{rest}"


class SettingsError(Exception):
    """The settings can't be used. `complaints` is never empty; the text lists them all, one paragraph each."""

    def __init__(self, complaints: Sequence[Complaint]) -> None:
        self.complaints = tuple(complaints)
        super().__init__("\n".join(str(complaint) for complaint in self.complaints))


Objection = tuple[Key, str, str]
"""A key, what is wrong with its value, and how to mend it."""
Rule = Callable[[Settings], Iterable[Objection]]
"""A check across keys. Rooms above the kernel hand in theirs, such as that a store code's template can be read."""


def find_settings(environ: Mapping[str, str], directory: Path) -> Path | None:
    """The file to read when the command line names none: `UNQUEUE_SETTINGS`, else `unqueue.toml` here, else none."""
    if named := environ.get("UNQUEUE_SETTINGS"):
        return Path(named)
    here = directory / "unqueue.toml"
    return here if here.exists() else None


def load_settings(path: Path | None, environ: Mapping[str, str], rules: Sequence[Rule] = ()) -> Settings:
    """Read the file (none: the defaults), let the environment override, check everything.

    Relative paths are relative to the file, or to the working directory where there is none.
    Raises SettingsError.
    """
    text = "" if path is None else _read(path)
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError([_broken(path, text, error)]) from error
    base = Path.cwd() if path is None else path.absolute().parent
    server = table.setdefault("server", {})
    if isinstance(server, dict):  # a default path is relative to the file, too
        server.setdefault("data_dir", str(DEFAULT_DATA_DIR))
    reader = Reader(str(path) if path else "defaults", key_lines(text), base)
    place_environment(reader, Settings, table, environ)
    settings = reader.section(Settings, table, ())
    if reader.complaints or not isinstance(settings, Settings):
        raise SettingsError(reader.complaints)
    for rule in (_consistent, *rules):
        for key, what, mend in rule(settings):
            reader.complain(key, what, mend)
    if reader.complaints:
        raise SettingsError(reader.complaints)
    return settings


def lane_of(settings: Settings) -> Lane:
    """The `[lane]` table, which the lane's process can't do without. Raises SettingsError."""
    if settings.lane is None:
        mend = "Add a [lane] table as in unqueue.toml.example, or name the right file with --settings."
        raise SettingsError([Complaint("settings", "lane", "this machine has no lane in its settings", mend)])
    return settings.lane


def kiosk_of(settings: Settings) -> Kiosk:
    """The `[kiosk]` table, which the kiosk's process can't do without. Raises SettingsError."""
    if settings.kiosk is None:
        mend = "Add a [kiosk] table as in unqueue.toml.example, or name the right file with --settings."
        raise SettingsError([Complaint("settings", "kiosk", "this machine has no kiosk in its settings", mend)])
    return settings.kiosk


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        line = path.read_bytes()[: error.start].count(b"\n") + 1
        complaint = Complaint(f"{path}:{line}", "", "this is not UTF-8 text", "Save the file in UTF-8.")
        raise SettingsError([complaint]) from error
    except OSError as error:
        what = f"can't be read ({os.strerror(error.errno or 0)})"
        complaint = Complaint(str(path), "", what, "Check the path, and that this user may read the file.")
        raise SettingsError([complaint]) from error


def _broken(path: Path | None, text: str, error: tomllib.TOMLDecodeError) -> Complaint:
    message, _, place = str(error).rpartition(" (at ")
    words = place.replace(",", " ").rstrip(")").split()
    line = int(words[1]) if words[:1] == ["line"] else text.count("\n") + 1
    wrong = message[:1].lower() + message[1:]
    return Complaint(f"{path}:{line}", "", f"not valid TOML: {wrong}", "See https://toml.io, or unqueue.toml.example.")


def _consistent(settings: Settings) -> Iterator[Objection]:
    """What no single key can tell."""
    try:
        zoneinfo.ZoneInfo(settings.store.time_zone)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        mend = 'Take a name of the IANA list, such as "Asia/Shanghai" or "Europe/Berlin".'
        yield ("store", "time_zone"), f'no time zone is called "{settings.store.time_zone}"', mend
    server = settings.server
    if (server.tls_certificate_file is None) != (server.tls_key_file is None):
        given = "tls_certificate_file" if server.tls_key_file is None else "tls_key_file"
        missing = "tls_key_file" if server.tls_key_file is None else "tls_certificate_file"
        yield ("server", given), f"stands without {missing}", f"Give both, or neither: add {missing}."
    if settings.lane is not None and settings.lane.side_bay == settings.lane.id:
        mend = "Give the bay another name, or leave side_bay out at the bay's own scale."
        yield ("lane", "side_bay"), "a lane can't be its own side bay", mend
    yield from _repeated([code.name for code in settings.catalogue.store_codes], ("catalogue", "store_codes"), "name")
    yield from _repeated([provider.id for provider in settings.payments.providers], ("payments", "providers"), "id")


def _repeated(names: Sequence[str], at: Key, key: str) -> Iterator[Objection]:
    for index, name in enumerate(names):
        if name in names[:index]:
            yield (*at, index, key), f'"{name}" is taken by an earlier entry', "Give each its own name."
