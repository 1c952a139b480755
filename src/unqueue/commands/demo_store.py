"""The demo's store: its settings files, its goods from the demo catalogue, its attendant and its lanes."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sqlalchemy import func, select

from unqueue.commands.demo_kiosk import KioskPlace, kiosk_toml, stock_of
from unqueue.commands.demo_wallets import GIFT_CARD, MEMBER_CARD, accounts, text, toml_of
from unqueue.kernel.database import Database, Transaction
from unqueue.kernel.ids import token_hash
from unqueue.kernel.money import Money
from unqueue.kernel.settings import Settings, load_settings
from unqueue.server.catalogue import store as catalogue_store
from unqueue.server.catalogue.gtin import shortest
from unqueue.server.catalogue.importing import import_products
from unqueue.server.catalogue.model import Product
from unqueue.server.catalogue.templates import parse_template
from unqueue.server.coupons.loader import load as load_coupons
from unqueue.server.coupons.service import import_coupons
from unqueue.server.fleet.service import register_device
from unqueue.server.promotions.service import import_rules, load_rules
from unqueue.server.setup import migrate_database, settings_rules
from unqueue.server.staff import store as staff_store
from unqueue.server.staff.service import create_staff
from unqueue.server.stored_value.service import NewCard, issue
from unqueue.twin.demo import KIOSK, Place, Prepared
from unqueue.twin.ports import free_port
from unqueue.twin.shoppers import SIDE_BAY
from unqueue.twin.world import Good

STOCK = Path(__file__).parent.parent / "twin" / "stock"
ATTENDANT = {"name": "小李", "pin": "258025"}
NAMES = {"name_zh": "不排队超市", "name_en": "Unqueue Store"}
STORE_CODES = {
    "price in code": "21 IIIII PPP.PP C",
    "weight in code": "22=21 IIIII WW.WWW C",
    "weight and price, eighteen digits": "28=21 IIIII WWWWW PPPPP C",
}
HEAD_OFFICE_ROLES = {"store-managers": "manager", "store-supervisors": "supervisor", "store-staff": "attendant"}
LABEL_WEIGHTS_G = (412, 655, 1080)


async def prepare(place: Place) -> Prepared:
    """Write the settings and fill the database where that has not been done yet."""
    directory = place.directory / "store"
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    server_port = free_port()
    server_file = directory / "server.toml"
    server_file.write_text(_server_toml(place, directory, server_port), encoding="utf-8")
    settings = load_settings(server_file, {}, settings_rules())
    migrate_database(settings.database_url)
    database = Database(settings.database_url)
    try:
        _fill(database)
        kiosk_token = register_device(database, KIOSK, "kiosk", KIOSK.rpartition("-")[2])
        tokens = {lane: register_device(database, lane, "lane", lane.rpartition("-")[2]) for lane in place.lanes}
        goods = _goods(database, settings)
    finally:
        database.dispose()
    ports = {lane: free_port() for lane in place.lanes}
    files = {}
    for lane, devices in place.lanes.items():
        files[lane] = directory / f"{lane}.toml"
        text = _lane_toml(lane, devices, tokens[lane], ports[lane], server_port, SIDE_BAY if place.side_bay else "")
        files[lane].touch(mode=0o600)
        files[lane].write_text(text, encoding="utf-8")
    kiosk = KioskPlace(directory / f"{KIOSK}.toml", directory / KIOSK, free_port(), kiosk_token)
    kiosk.settings.touch(mode=0o600)
    kiosk.settings.write_text(kiosk_toml(kiosk, place.kiosk, server_port), encoding="utf-8")
    return Prepared(
        kiosk_settings=kiosk.settings,
        kiosk_port=kiosk.port,
        kiosk_token=kiosk_token,
        kiosk_stock=stock_of(kiosk.data_dir),
        server_settings=server_file,
        lane_settings=files,
        lane_ports=ports,
        lane_tokens=tokens,
        server_port=server_port,
        goods=goods,
        names=NAMES,
        attendant=ATTENDANT,
    )


def _fill(database: Database) -> None:
    """Products, promotions, and the attendant: the first time, and when the demo's files have changed."""
    import_products(database, STOCK / "products.csv", currency="CNY", actor="demo")
    import_rules(database, load_rules(STOCK / "promotions.json"), actor="demo")
    import_coupons(database, load_coupons(STOCK / "coupons.json"), currency="CNY", actor="demo")
    _hand_out_cards(database)
    if database.read_now(lambda connection: staff_store.by_name(connection, ATTENDANT["name"])) is None:
        create_staff(database, ATTENDANT["name"], ATTENDANT["pin"], "manager")  # the demo has one person for everything


def _hand_out_cards(database: Database) -> None:
    """The demo's gift card and member's card, once: what was spent of them stays spent."""
    code, amount_minor = GIFT_CARD
    cards = {
        "demo gift card": NewCard([code], "gift", Money(amount_minor, "CNY")),
        "demo member card": NewCard([MEMBER_CARD], "member", Money(0, "CNY"), "demo"),
    }

    def write(tx: Transaction) -> None:
        for name, wanted in cards.items():
            issue(tx, wanted, token_hash(name)[:32], "demo")

    database.write_now(write)


def _goods(database: Database, settings: Settings) -> dict[str, Good]:
    """All that lies on the demo's shelves, by GTIN."""

    def read(connection: Any) -> list[Product]:
        count = connection.scalar(select(func.count()).select_from(catalogue_store.products))
        return catalogue_store.browse(connection, [], None, offset=0, limit=count)

    templates = [parse_template(entry.template) for entry in settings.catalogue.store_codes]
    goods: dict[str, Good] = {}
    for number, product in enumerate(database.read_now(read)):
        code, weight_g = shortest(product.gtin), 0
        if product.is_weighed:
            weight_g = LABEL_WEIGHTS_G[number % len(LABEL_WEIGHTS_G)]
            price_minor = product.unit_price_minor * weight_g // 1000
            labels = (
                template.compose(product.gtin, product.currency, weight_g=weight_g, price_minor=price_minor)
                for template in templates[1:]
            )
            code = next((label for label in labels if label is not None), "")
            if not code:
                continue
        goods[product.gtin] = Good(
            gtin=product.gtin,
            name_zh=product.name_zh,
            name_en=product.name_en,
            weight_g=weight_g + product.tare_g if product.is_weighed else product.weight_g_expected,
            weight_g_sd=2.0 if product.is_weighed else product.weight_g_sd,
            has_tag=product.tag == "EAS",
            product_id=product.product_id,
            code=code,
        )
    return goods


def _server_toml(place: Place, directory: Path, port: int) -> str:
    lines = [
        "# Written anew by `unqueue demo` at each start.",
        "[store]",
        'id = "demo"',
        *(f"{key} = {text(value)}" for key, value in NAMES.items()),
        'address_zh = "上海市示范路 1 号"',
        'address_en = "1 Demo Road, Shanghai"',
        'tax_id = "91310000DEMO000001"',
        f"public_url = {text(place.public_url)}",
        "[server]",
        f"port = {port}",
        f"data_dir = {text(directory / 'data')}",
    ]
    sms = place.wallets["sms"]
    lines += [
        "[sms]",
        'provider = "aliyun"',
        f"url = {text(sms['url'])}",
        f"account = {text(sms['account'])}",
        f"key_file = {text(sms['key_file'])}",
        f"sign_name = {text(sms['sign_name'])}",
        'template_zh = "SMS_RECEIPT_ZH"',
        'template_en = "SMS_RECEIPT_EN"',
    ]
    lines += _head_office_toml(place)
    for account in accounts(place.wallets, place.kiosk["terminal"]):
        lines += toml_of(account)
    for name, template in STORE_CODES.items():
        lines += ["[[catalogue.store_codes]]", f"name = {text(name)}", f"template = {text(template)}"]
    return "\n".join(lines) + "\n"


def _head_office_toml(place: Place) -> list[str]:
    """Sign-in through the sandbox: by the front door, where browsers and this server find it under one name."""
    office = place.wallets["head-office"]
    lines = [
        "[staff.oidc]",
        f"issuer = {text(office['issuer'])}",
        f"client_id = {text(office['client_id'])}",
        f"client_secret_file = {text(office['client_secret_file'])}",
        'zh = "总部账号（沙盒）"',
        'en = "the head office (sandbox)"',
    ]
    if place.public_url.startswith("https:"):  # nobody else vouches for the certificate that was made for --lan
        lines.append(f"ca_file = {text(place.directory / 'tls' / 'certificate.pem')}")
    return [*lines, "[staff.oidc.roles]", *(f"{value} = {text(role)}" for value, role in HEAD_OFFICE_ROLES.items())]


def _lane_toml(lane: str, devices: Mapping[str, Any], token: str, port: int, server_port: int, bay: str) -> str:
    lines = [
        "# Written anew by `unqueue demo` at each start.",
        "[lane]",
        f"id = {text(lane)}",
        f"name = {text(lane.rpartition('-')[2])}",
        f'server_url = "http://127.0.0.1:{server_port}"',
        f"token = {text(token)}",
        f"port = {port}",
        f"data_dir = {text(lane)}",
        "counts_items = true",
        f"side_bay = {text(bay)}",
        "[lane.scale]",
        f"port = {text(devices['scale']['url'])}",
        "[lane.io]",
        f"host = {text(devices['io']['host'])}",
        f"port = {devices['io']['port']}",
        "[lane.scanner]",
        f"port = {text(devices['scanner']['url'])}",
        "[lane.printer]",
        f"url = {text(devices['printer']['url'])}",
        "[lane.rfid]",
        f"host = {text(devices['rfid']['host'])}",
        f"port = {devices['rfid']['port']}",
    ]
    return "\n".join(lines) + "\n"
