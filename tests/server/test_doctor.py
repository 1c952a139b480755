"""Doctor on a server: every trouble is made for real, and must be named with its cure."""

import datetime as dt
import ipaddress
import sqlite3
import ssl
from collections.abc import Iterable
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from sqlalchemy import create_engine, text

from unqueue.kernel.database import open_engine
from unqueue.kernel.findings import Finding
from unqueue.kernel.settings import Database, Payments, Provider, Server, Settings, Store
from unqueue.providers.nexo_terminal.sandbox.certificates import ensure_certificates
from unqueue.server import doctor
from unqueue.server.ledger.store import ledger
from unqueue.server.setup import migrate_database

NOW = dt.datetime(2026, 6, 1, tzinfo=dt.UTC)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A server whose SQLite database was made."""
    made = Settings(server=Server(data_dir=tmp_path, port=0))
    migrate_database(made.database_url)
    return made


def _found(findings: Iterable[Finding], about: str) -> Finding:
    return next(finding for finding in findings if finding.about == about)


def _levels(findings: Iterable[Finding]) -> dict[str, str]:
    return {finding.about: finding.level for finding in findings}


def test_a_sound_sqlite_database(settings: Settings) -> None:
    levels = _levels(doctor.database(settings))
    assert levels["database"] == levels["durability"] == levels["migrations"] == "ok"


def test_a_database_that_is_not_there_yet(tmp_path: Path) -> None:
    settings = Settings(server=Server(data_dir=tmp_path / "new"))
    (finding,) = doctor.database(settings)
    assert (finding.level, "unqueue serve" in finding.mend) == ("warning", True)
    assert not (tmp_path / "new").exists()


def test_a_file_that_is_no_database(settings: Settings) -> None:
    (settings.server.data_dir / "unqueue.db").write_bytes(b"no database at all, only text" * 100)
    assert _found(doctor.database(settings), "database").level == "failed"


def test_a_database_without_write_ahead_log(settings: Settings) -> None:
    with sqlite3.connect(settings.server.data_dir / "unqueue.db") as connection:
        connection.execute("PRAGMA journal_mode = DELETE")
    connection.close()
    assert _found(doctor.database(settings), "durability").level == "failed"


def test_a_database_that_somebody_keeps_locked(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_TIMEOUT_SECONDS", 0.1)
    holder = sqlite3.connect(settings.server.data_dir / "unqueue.db", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    finding = _found(doctor.database(settings), "database")
    holder.close()
    assert (finding.level, "locked" in finding.found) == ("failed", True)


def test_tables_of_a_version_that_we_do_not_know(settings: Settings) -> None:
    engine = open_engine(settings.database_url)
    with engine.connect() as connection:
        connection.execute(text("CREATE TABLE IF NOT EXISTS alembic_version (version_num VARCHAR(32) NOT NULL)"))
        connection.execute(text("DELETE FROM alembic_version"))
        connection.execute(text("INSERT INTO alembic_version VALUES ('ffff')"))
    engine.dispose()
    finding = _found(doctor.database(settings), "migrations")
    assert (finding.level, "newer than this program" in finding.found) == ("failed", True)


def test_a_database_that_was_never_migrated(tmp_path: Path) -> None:
    settings = Settings(server=Server(data_dir=tmp_path))
    open_engine(settings.database_url).connect().close()
    assert _found(doctor.database(settings), "migrations").level == "warning"


def _post(settings: Settings, order: str, *postings: tuple[str, int]) -> None:
    """As somebody would who writes into the database from outside."""
    engine = open_engine(settings.database_url)
    with engine.begin() as connection:
        for position, (account, amount_minor) in enumerate(postings):
            values = {"entry_id": f"sale:{order}", "position": position, "account": account, "currency": "CNY"}
            values |= {"amount_minor": amount_minor, "at_us": 1, "order_id": order}
            connection.execute(ledger.insert().values(values))
    engine.dispose()


def test_sound_books(settings: Settings) -> None:
    _post(settings, "o1", ("order:o1", 500), ("sales", -500))
    assert _found(doctor.database(settings), "books").level == "ok"


def test_books_that_somebody_wrote_into(settings: Settings) -> None:
    _post(settings, "o1", ("order:o1", 500), ("sales", -500))
    _post(settings, "o2", ("order:o2", 500), ("sales", -450))
    finding = _found(doctor.database(settings), "books")
    assert finding.level == "failed"
    assert finding.found == "entry sale:o2 of order o2 is off by 50 minor units of CNY (accounts: order:o2, sales)"
    assert "backup" in finding.mend


def test_of_many_faults_in_the_books_some_are_named(settings: Settings) -> None:
    for number in range(9):
        _post(settings, f"o{number}", ("sales", 1))
    found = [finding.found for finding in doctor.database(settings) if finding.about == "books"]
    assert len(found) == 6
    assert found[-1] == "9 entries in all are off"


def test_looking_changes_nothing(settings: Settings) -> None:
    file = settings.server.data_dir / "unqueue.db"
    before = file.read_bytes()
    list(doctor.database(settings))
    assert file.read_bytes() == before


def _on(url: str, tmp_path: Path) -> Settings:
    return Settings(database=Database(url=url), server=Server(data_dir=tmp_path))


def test_a_sound_postgresql_database(durable_postgresql_url: str, tmp_path: Path) -> None:
    migrate_database(durable_postgresql_url)
    levels = _levels(doctor.database(_on(durable_postgresql_url, tmp_path)))
    assert levels["database"] == levels["durability"] == levels["migrations"] == levels["database clock"] == "ok"


def test_a_postgresql_that_forgets(fresh_postgresql_url: str, tmp_path: Path) -> None:
    finding = _found(doctor.database(_on(fresh_postgresql_url, tmp_path)), "durability")
    assert finding.level == "failed"
    assert "fsync = off" in finding.found


def test_a_postgresql_that_lets_us_only_read(fresh_postgresql_url: str, tmp_path: Path) -> None:
    engine = create_engine(fresh_postgresql_url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        name = engine.url.database
        connection.exec_driver_sql(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    engine.dispose()
    finding = _found(doctor.database(_on(fresh_postgresql_url, tmp_path)), "database")
    assert (finding.level, "only read" in finding.found) == ("failed", True)


def test_a_postgresql_that_does_not_run(tmp_path: Path) -> None:
    url = f"postgresql+psycopg://me:secret@/store?host={tmp_path}"
    (finding,) = doctor.database(_on(url, tmp_path))
    assert finding.level == "failed"
    assert "psql 'postgresql://me:***@/store" in finding.mend
    assert "secret" not in str(finding)


def test_keys_that_others_can_read(settings: Settings) -> None:
    folder = settings.server.data_dir / "keys"
    folder.mkdir(mode=0o700)
    key = folder / "pass.key"
    key.write_bytes(b"x")
    key.chmod(0o644)
    findings = list(doctor.keys(settings))
    assert [finding.level for finding in findings] == ["ok", "failed"]
    assert str(key) in findings[1].found


def test_keys_of_a_provider(tmp_path: Path) -> None:
    private, public = tmp_path / "ours.pem", tmp_path / "theirs.pem"
    provider = Provider(
        id="wallet", kind="sandbox_wallet", zh="钱", en="W", private_key_file=private, provider_public_key_file=public
    )
    settings = Settings(server=Server(data_dir=tmp_path / "data"), payments=Payments(providers=[provider]))
    assert _levels(doctor.keys(settings)) == {"key for wallet": "failed", "key of wallet": "failed"}
    private.touch(mode=0o600)
    public.touch()
    assert _levels(doctor.keys(settings)) == {"key for wallet": "ok"}


def _with_certificate(
    folder: Path, *names: str, days: float = 365, url: str = "https://store.example", key_of_other: bool = False
) -> Settings:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "store")])
    alternatives: list[x509.GeneralName] = [
        x509.IPAddress(ipaddress.ip_address(name)) if name[0].isdigit() else x509.DNSName(name) for name in names
    ]
    built = x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
    built = built.not_valid_before(NOW - dt.timedelta(days=1000)).not_valid_after(NOW + dt.timedelta(days=days))
    if alternatives:
        built = built.add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
    certificate = folder / "store.crt"
    certificate.write_bytes(built.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    written = ec.generate_private_key(ec.SECP256R1()) if key_of_other else key
    key_file = folder / "store.key"
    key_file.write_bytes(
        written.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return Settings(store=Store(public_url=url), server=Server(tls_certificate_file=certificate, tls_key_file=key_file))


@pytest.mark.parametrize(
    ("names", "url", "levels"),
    [
        (["store.example"], "https://store.example", ["ok"]),
        (["STORE.example"], "https://store.example:8443/a", ["ok"]),
        (["*.example"], "https://store.example", ["ok"]),
        (["192.168.1.5"], "https://192.168.1.5:8000", ["ok"]),
        (["*.example"], "https://my.store.example", ["ok", "failed"]),
        (["other.example"], "https://store.example", ["ok", "failed"]),
        ([], "https://store.example", ["ok", "failed"]),
    ],
)
def test_the_name_of_the_certificate(tmp_path: Path, names: list[str], url: str, levels: list[str]) -> None:
    found = doctor.certificate(_with_certificate(tmp_path, *names, url=url), NOW)
    assert [finding.level for finding in found] == levels


@pytest.mark.parametrize(
    ("days", "level"), [(90, "ok"), (20, "warning"), (0.5, "warning"), (0, "failed"), (-5, "failed")]
)
def test_the_age_of_the_certificate(tmp_path: Path, days: float, level: str) -> None:
    (finding,) = doctor.certificate(_with_certificate(tmp_path, "store.example", days=days), NOW)
    assert finding.level == level


def test_a_certificate_with_the_key_of_another(tmp_path: Path) -> None:
    (finding,) = doctor.certificate(_with_certificate(tmp_path, "store.example", key_of_other=True), NOW)
    assert (finding.level, "can't be used" in finding.found) == ("failed", True)


def test_without_certificate_there_is_nothing_to_say() -> None:
    assert list(doctor.certificate(Settings(), NOW)) == []


@pytest.mark.parametrize(
    ("url", "word"),
    [
        ("http://localhost:8000", "means each phone itself"),
        ("http://store.example", "is not HTTPS"),
        ("https://127.0.0.2:9", "does not answer"),
    ],
)
def test_the_public_address(url: str, word: str) -> None:
    (finding,) = doctor.public_address(Settings(store=Store(public_url=url)))
    assert (finding.level, word in finding.found) == ("warning", True)


class _Health(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'{"status": "ok", "version": "1.2.3"}')

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


def test_a_server_that_runs_already_is_ours(tmp_path: Path) -> None:
    running = HTTPServer(("127.0.0.1", 0), _Health)
    Thread(target=running.serve_forever, daemon=True).start()
    settings = Settings(server=Server(data_dir=tmp_path, port=running.server_port))
    finding = doctor._port(settings)
    running.shutdown()
    running.server_close()
    assert finding.level == "ok"


def test_nobody_can_pay_without_a_provider() -> None:
    assert [finding.level for finding in doctor.payment(Settings())] == ["warning"]


def test_a_provider_that_can_not_be_reached() -> None:
    provider = Provider(id="w", kind="sandbox_wallet", zh="钱", en="W", url="http://127.0.0.1:9")
    (finding,) = doctor.payment(Settings(payments=Payments(providers=[provider])))
    assert finding.level == "failed"


@pytest.mark.parametrize(("root", "level"), [(True, "ok"), (False, "failed")])
def test_a_terminal_is_trusted_by_its_own_root(tmp_path: Path, root: bool, level: str) -> None:
    """Its certificate names the terminal rather than its address, and no public authority signed it."""
    name = "V400m-1.test.terminal.example"
    root_file, chain_file, key_file = ensure_certificates(tmp_path, name, "127.0.0.1")
    trust = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    trust.load_cert_chain(chain_file, key_file)
    terminal = HTTPServer(("127.0.0.1", 0), _Health)
    terminal.socket = trust.wrap_socket(terminal.socket, server_side=True)
    Thread(target=terminal.serve_forever, daemon=True).start()
    provider = Provider(
        id="card",
        kind="nexo_terminal",
        zh="卡",
        en="Card",
        url=f"https://127.0.0.1:{terminal.server_port}",
        options={"tls_name": name},
        files={"root": root_file} if root else {},
    )
    (finding,) = doctor.payment(Settings(payments=Payments(providers=[provider])))
    terminal.shutdown()
    terminal.server_close()
    assert finding.level == level, finding
