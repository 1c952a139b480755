"""`unqueue doctor` on the merchant server: database, books, keys, certificate, port, clock, screens, providers.

The checks change nothing, so they may run beside a working store.
"""

import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import httpx
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from cryptography import x509
from sqlalchemy import Connection, create_engine, inspect, select, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError

from unqueue.kernel import machine
from unqueue.kernel.findings import Check, Finding, failed, ok, warning
from unqueue.kernel.settings import Provider, Settings
from unqueue.server.catalogue.store import products
from unqueue.server.ledger import store as ledger
from unqueue.server.setup import alembic_config

WEB = Path(__file__).parent.parent / "web_dist"
SCREENS = ["handset", "console", "shop"]
CERTIFICATE_DAYS_WARNING = 21
_IMBALANCES_SHOWN = 5
_TIMEOUT_SECONDS = 3.0
_LOCAL_HOSTS = {"localhost", "127.0.0.1", "::1"}


def checks(settings: Settings) -> list[Check]:
    """What to look at on the machine that runs `unqueue serve`."""
    server = settings.server
    return [
        Check("clock", lambda: machine.clock(settings.store.time_zone)),
        Check("disk", lambda: machine.disk(server.data_dir)),
        Check("database", lambda: database(settings)),
        Check("keys", lambda: keys(settings)),
        Check("certificate", lambda: certificate(settings, datetime.now(UTC))),
        Check("port", lambda: [_port(settings)]),
        Check("public address", lambda: public_address(settings)),
        Check("payment", lambda: payment(settings)),
        Check("screens", lambda: [machine.screens("screens", WEB, SCREENS)]),
    ]


def database(settings: Settings) -> Iterator[Finding]:
    """Reachable, writable, durable; its tables as this version wants them; its clock."""
    url = make_url(settings.database_url)
    is_sqlite = url.get_backend_name() == "sqlite"
    file = Path(url.database or "")
    if is_sqlite and not file.exists():
        yield warning("database", f"{file} is not there yet", "unqueue serve makes it at its first start.")
        return
    try:
        with _connected(settings.database_url) as connection:
            yield from (_sqlite(connection, file) if is_sqlite else _postgresql(connection))
            yield from migrations(connection, settings.database_url)
            yield from _catalogue(connection)
            yield from _books(connection)
    except DBAPIError as error:
        where = str(file) if is_sqlite else url.render_as_string(hide_password=True)
        cause = " ".join(str(error.orig).split())
        mend = f"Check that {file} is a database that this user may write."
        if not is_sqlite:
            mend = f"Check that it runs and lets this user in: psql '{_for_psql(where)}'"
        yield failed("database", f"{where}: {cause}", mend)


def _sqlite(connection: Connection, file: Path) -> Iterator[Finding]:
    # BEGIN IMMEDIATE takes the write lock for a moment, as the store does all the time. It fails on a read-only file.
    connection.exec_driver_sql("BEGIN IMMEDIATE")
    connection.exec_driver_sql("ROLLBACK")
    version = connection.exec_driver_sql("SELECT sqlite_version()").scalar()
    yield ok("database", f"{file} can be written (SQLite {version}, {_megabytes(file)} MB)")
    mode = connection.exec_driver_sql("PRAGMA journal_mode").scalar()
    if mode != "wal":
        mend = "Start unqueue serve once. If it stays, move data_dir to a local disk: network disks can't do WAL."
        yield failed("durability", f"journal mode is {mode}, not wal", mend)
    else:
        yield ok("durability", "write-ahead log; the server syncs every commit (synchronous=FULL)")


def _postgresql(connection: Connection) -> Iterator[Finding]:
    version = connection.exec_driver_sql("SHOW server_version").scalar()
    may_create = connection.exec_driver_sql("SELECT has_schema_privilege(current_schema(), 'CREATE')").scalar()
    is_read_only = connection.exec_driver_sql("SHOW transaction_read_only").scalar() == "on"
    if is_read_only:
        mend = "Point database.url at the primary, and check default_transaction_read_only."
        yield failed("database", f"PostgreSQL {version} lets us only read", mend)
    elif not may_create:
        mend = "GRANT CREATE ON SCHEMA public TO the database's user."
        yield failed("database", f"PostgreSQL {version}: this user can't create tables", mend)
    else:
        yield ok("database", f"PostgreSQL {version} can be written")
    encoding = connection.exec_driver_sql("SHOW server_encoding").scalar()
    if encoding != "UTF8":
        mend = "Make the database anew: CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0"
        yield failed("database", f"holds {encoding}, which can't write all names", mend)
    yield from _postgresql_durability(connection)
    before = time.time()
    theirs = float(connection.exec_driver_sql("SELECT extract(epoch FROM clock_timestamp())").scalar() or 0)
    yield machine.clock_against("database clock", (before + time.time()) / 2 - theirs, "the database server's clock")


def _postgresql_durability(connection: Connection) -> Iterator[Finding]:
    durable_commits = {"on", "local", "remote_write", "remote_apply"}
    wanted = {"fsync": {"on"}, "full_page_writes": {"on"}, "synchronous_commit": durable_commits}
    wrong = {
        name: value
        for name, good in wanted.items()
        if (value := connection.exec_driver_sql(f"SHOW {name}").scalar()) not in good
    }
    if wrong:
        said = ", ".join(f"{name} = {value}" for name, value in wrong.items())
        mend = "; ".join(f"ALTER SYSTEM SET {name} = on" for name in wrong) + "; then restart PostgreSQL."
        yield failed("durability", f"{said}: sales would be lost in a power cut", mend)
    else:
        yield ok("durability", "PostgreSQL syncs every commit")


def migrations(connection: Connection, url: str) -> Iterator[Finding]:
    """Whether the tables are those of this version."""
    script = ScriptDirectory.from_config(alembic_config(url))
    wanted = set(script.get_heads())
    have = set(MigrationContext.configure(connection).get_current_heads())
    if have == wanted:
        yield ok("migrations", f"up to date ({', '.join(sorted(have)) or 'none yet'})")
    elif all(_is_known(script, revision) for revision in have):
        found = f"the tables are of {', '.join(sorted(have)) or 'no version'}, not {', '.join(sorted(wanted))}"
        yield warning("migrations", found, "unqueue serve brings them up to date when it starts. Back up first.")
    else:
        mend = "Install the version of Unqueue that wrote this database, or a newer one."
        yield failed("migrations", f"the database is newer than this program ({', '.join(sorted(have))})", mend)


def _is_known(script: ScriptDirectory, revision: str) -> bool:
    return any(known.revision == revision for known in script.walk_revisions())


def _catalogue(connection: Connection) -> Iterator[Finding]:
    if not inspect(connection).has_table(products.name):
        return
    if connection.execute(select(products.c.product_id).limit(1)).first() is None:
        yield warning("catalogue", "holds no product", "unqueue catalogue import <file>")
    else:
        yield ok("catalogue", "holds products")


def _books(connection: Connection) -> Iterator[Finding]:
    """Whether each entry of the ledger sums to zero: our code posts no other, and the tables refuse changes."""
    if not inspect(connection).has_table(ledger.ledger.name):
        return
    wrong = ledger.out_of_balance(connection)
    for one in wrong[:_IMBALANCES_SHOWN]:
        off = f"entry {one.entry_id} of order {one.order_id} is off by {one.amount_minor} minor units of {one.currency}"
        mend = (
            "Somebody changed the ledger from outside. Keep a copy of the database, compare this order with a backup "
            "and with the provider's statement, and restore the backup."
        )
        yield failed("books", f"{off} (accounts: {', '.join(one.accounts)})", mend)
    if len(wrong) > _IMBALANCES_SHOWN:
        yield failed("books", f"{len(wrong)} entries in all are off", "Restore a backup rather than mend each.")
    if not wrong:
        yield ok("books", "every entry of the ledger sums to zero")


def keys(settings: Settings) -> Iterator[Finding]:
    """Secrets are private: the store's own keys and those of the settings."""
    folder = settings.server.data_dir / "keys"
    files = sorted(folder.iterdir()) if folder.is_dir() else []
    for file in [folder, *files]:
        yield from machine.private("keys", file, needed=False)
    if settings.server.tls_key_file:
        yield from machine.private("TLS key", settings.server.tls_key_file)
    if settings.staff.oidc.client_secret_file:
        yield from machine.private("secret for head office", settings.staff.oidc.client_secret_file)
    for provider in settings.payments.providers:
        if provider.private_key_file:
            yield from machine.private(f"key for {provider.id}", provider.private_key_file)
        public = provider.provider_public_key_file
        if public and not public.is_file():
            yield failed(f"key of {provider.id}", f"{public} is not there", "Get it from the provider, or correct it.")


def certificate(settings: Settings, now: datetime) -> Iterator[Finding]:
    """The TLS certificate: readable, with its key, for our name, and not about to end."""
    file, key_file = settings.server.tls_certificate_file, settings.server.tls_key_file
    if file is None or key_file is None:
        return
    try:
        read = x509.load_pem_x509_certificate(file.read_bytes())
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(file, key_file)
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        mend = "Give the certificate (PEM, the whole chain) and the private key that belongs to it."
        yield failed("certificate", f"{file} with {key_file} can't be used ({error})", mend)
        return
    ends = read.not_valid_after_utc
    days = (ends - now) // timedelta(days=1)
    if now >= ends or now < read.not_valid_before_utc:
        yield failed("certificate", f"is not valid today (until {ends:%Y-%m-%d})", "Renew it, then restart the server.")
    elif days < CERTIFICATE_DAYS_WARNING:
        yield warning("certificate", f"ends in {days} days ({ends:%Y-%m-%d})", "Renew it, then restart the server.")
    else:
        yield ok("certificate", f"valid until {ends:%Y-%m-%d}")
    host = urlsplit(settings.store.public_url).hostname or ""
    names = _names(read)
    if not any(_covers(name, host) for name in names):
        mend = f"Get one for {host}, or correct store.public_url."
        yield failed("certificate", f"is for {', '.join(names) or 'nobody'}, not for {host}", mend)


def _names(read: x509.Certificate) -> list[str]:
    try:
        alternative = read.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    return [*alternative.get_values_for_type(x509.DNSName), *map(str, alternative.get_values_for_type(x509.IPAddress))]


def _covers(name: str, host: str) -> bool:
    """RFC 9525 section 6.3: a wildcard stands for one whole label, the first."""
    if name.startswith("*."):
        return host.partition(".")[2].lower() == name[2:].lower()
    return name.lower() == host.lower()


def _port(settings: Settings) -> Finding:
    server = settings.server
    secure = server.tls_certificate_file is not None
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(server.host, server.host)  # noqa: S104  # compared, not bound
    url = f"http{'s' if secure else ''}://{host}:{server.port}"
    return machine.port("port", server.host, server.port, ours=bool(_version_at(url)))


def public_address(settings: Settings) -> Iterator[Finding]:
    """What order QR codes point to: a phone must reach it, and browsers give the camera to HTTPS pages only."""
    url = settings.store.public_url
    address = urlsplit(url)
    if address.hostname in _LOCAL_HOSTS:
        mend = "For real shoppers set store.public_url to the address that their phones reach."
        yield warning("public address", f"{url} means each phone itself", mend)
    elif address.scheme != "https":
        mend = "Serve HTTPS: tls_certificate_file and tls_key_file, or a proxy in front."
        yield warning("public address", f"{url} is not HTTPS, so browsers refuse the camera", mend)
    else:
        yield _reached(url)


def _reached(url: str) -> Finding:
    """Asked as a phone would: it insists on a certificate that it can trust."""
    try:
        httpx.get(f"{url}/api/health", timeout=_TIMEOUT_SECONDS).raise_for_status()
    except httpx.HTTPError as error:
        if "CERTIFICATE_VERIFY_FAILED" in str(error):
            mend = "Get a certificate from an authority that phones know, with its whole chain."
            return warning("public address", f"phones won't trust {url} ({error})", mend)
        mend = "Start the server; then check the name in DNS and the firewall."
        return warning("public address", f"{url} does not answer ({error})", mend)
    return ok("public address", f"{url} answers")


def payment(settings: Settings) -> Iterator[Finding]:
    """Whether shoppers can pay."""
    if not settings.payments.providers:
        yield warning("payment", "no provider is set up: nobody can pay", "Add [[payments.providers]] to the settings.")
    for provider in settings.payments.providers:
        if not provider.url:
            continue
        try:
            httpx.get(provider.url, timeout=_TIMEOUT_SECONDS, verify=_trust(provider))
        except (httpx.HTTPError, OSError) as error:
            mend = "Check payments.providers url and files, DNS and the firewall."
            yield failed(f"provider {provider.id}", f"{provider.url} can't be reached ({error})", mend)
        else:
            yield ok(f"provider {provider.id}", f"{provider.url} answers")


def _trust(provider: Provider) -> ssl.SSLContext | bool:
    """Whose certificate is good: that of the public authorities, or a terminal's own root (``files.root``), whose
    certificate names the terminal rather than its address.
    """
    root = provider.files.get("root")
    if root is None:
        return True
    trust = ssl.create_default_context(cafile=str(root))
    trust.check_hostname = "tls_name" not in provider.options
    return trust


def _version_at(url: str) -> str | None:
    """The version of the Unqueue that answers at an address; None where something else or nothing does."""
    try:
        # Only asks who is there; whether the certificate holds is another check.
        answer = httpx.get(f"{url}/api/health", timeout=_TIMEOUT_SECONDS, verify=False)  # noqa: S501
        version = answer.json().get("version")
    except (httpx.HTTPError, ValueError, AttributeError):
        return None
    return str(version) if version else None


@contextmanager
def _connected(url: str) -> Iterator[Connection]:
    """A connection that gives up soon and, unlike the server's own, sets nothing on the database."""
    is_sqlite = url.startswith("sqlite")
    arguments = {"timeout": _TIMEOUT_SECONDS} if is_sqlite else {"connect_timeout": round(_TIMEOUT_SECONDS)}
    engine = create_engine(url, isolation_level="AUTOCOMMIT", connect_args=arguments)
    try:
        with engine.connect() as connection:
            connection.execute(text("SELECT 1"))
            yield connection
    finally:
        engine.dispose()


def _for_psql(url: str) -> str:
    return url.replace("postgresql+psycopg://", "postgresql://")


def _megabytes(file: Path) -> str:
    return f"{file.stat().st_size / 1e6:.1f}"
