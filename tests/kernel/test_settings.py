"""Settings: the file wins over the defaults, the environment over the file; a mistake is told with its place."""

import re
import tomllib
from pathlib import Path
from typing import Any, get_args, get_origin

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unqueue.kernel.settings import (
    Lane,
    Provider,
    Settings,
    SettingsError,
    StoreCode,
    find_settings,
    lane_of,
    load_settings,
)
from unqueue.kernel.settings_reading import Complaint, bare

EXAMPLE = Path(__file__).parents[2] / "unqueue.toml.example"

LANE = """
[lane]
id = "lane-1"
server_url = "http://localhost:8000"
token = "secret-of-the-lane"
[lane.scale]
port = "/dev/ttyUSB0"
[lane.io]
host = "10.0.0.9"
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "unqueue.toml"


def _complaints(file: Path, text: str, environ: dict[str, str] | None = None) -> list[Complaint]:
    file.write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError) as caught:
        load_settings(file, environ or {})
    return list(caught.value.complaints)


def test_without_file_and_environment_everything_has_a_default() -> None:
    settings = load_settings(None, {})
    assert settings.server.port == 8000
    assert settings.server.data_dir == Path.cwd() / ".unqueue"
    assert settings.lane is None


def test_the_file_wins_over_the_defaults_and_the_environment_over_the_file(file: Path) -> None:
    file.write_text('[server]\nport = 1\nhost = "0.0.0.0"\n')
    settings = load_settings(file, {"UNQUEUE_SERVER__PORT": "2"})
    assert (settings.server.port, settings.server.host) == (2, "0.0.0.0")


@pytest.mark.parametrize("key", ["store.id", "payments.providers[0].id", "payments.providers[0].kind", "lane.id"])
def test_an_identifier_that_no_table_can_hold(file: Path, key: str) -> None:
    """40 characters fit every column of a database behind every prefix, and one more may not."""
    names = dict.fromkeys(["store.id", "payments.providers[0].id", "payments.providers[0].kind", "lane.id"], "x" * 40)
    text = (
        '[store]\nid = "{store.id}"\n[[payments.providers]]\nid = "{payments.providers[0].id}"\n'
        'kind = "{payments.providers[0].kind}"\nzh = "钱"\nen = "W"\n' + LANE.replace("lane-1", "{lane.id}")
    )

    def written() -> str:
        filled = text
        for name, value in names.items():
            filled = filled.replace("{" + name + "}", value)
        return filled

    file.write_text(written(), encoding="utf-8")
    load_settings(file, {})
    names[key] += "x"
    (complaint,) = _complaints(file, written())
    line = written().splitlines().index(next(row for row in written().splitlines() if "x" * 41 in row)) + 1
    assert (complaint.key, complaint.where) == (key, f"{file}:{line}")
    assert "at most 40 characters" in complaint.what


def test_paths_are_relative_to_the_file(file: Path) -> None:
    file.write_text('[server]\ndata_dir = "data"\n')
    assert load_settings(file, {}).server.data_dir == file.parent / "data"


def test_absolute_and_home_paths_stay(file: Path) -> None:
    file.write_text('[server]\ndata_dir = "/var/lib/unqueue"\n')
    assert load_settings(file, {}).server.data_dir == Path("/var/lib/unqueue")
    file.write_text('[server]\ndata_dir = "~/store"\n')
    assert load_settings(file, {}).server.data_dir == Path.home() / "store"


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("", "sqlite:///{data}/unqueue.db"),
        ("sqlite:////srv/store.db", "sqlite:////srv/store.db"),
        ("postgresql://me@host/shop", "postgresql+psycopg://me@host/shop"),
        ("postgresql+psycopg://me@/shop?host=/run/pg", "postgresql+psycopg://me@/shop?host=/run/pg"),
    ],
)
def test_the_database_url_names_its_driver(file: Path, url: str, expected: str) -> None:
    file.write_text(f'[database]\nurl = "{url}"\n[server]\ndata_dir = "data"\n')
    assert load_settings(file, {}).database_url == expected.format(data=file.parent / "data")


@pytest.mark.parametrize(
    ("text", "place", "what", "mend"),
    [
        ("[server]\nprot = 1\n", "2 server.prot", "there is no such setting", "Did you mean port?"),
        ("[sevrer]\nport = 1\n", "1 sevrer", "there is no such setting", "Did you mean server?"),
        ("[server]\nzzz = 1\n", "2 server.zzz", "there is no such setting", "Known here: host, port"),
        ('[server]\n\nport = "80"\n', "3 server.port", 'from 0 to 65535, found "80"', "Write port = 8000."),
        ("[server]\nport = 65536\n", "2 server.port", "from 0 to 65535, found 65536", "Write port = 8000."),
        ("[server]\nport = true\n", "2 server.port", "found true", "Write port = 8000."),
        ("server = 5\n", "1 server", "expected a table, found 5", "[server]"),
        ("[server]\norder_expiry_minutes = 0\n", "2 server.order_expiry_minutes", "at least 1", "= 30"),
        ("[server]\ndata_dir = 3\n", "2 server.data_dir", "expected a path as text, found 3", '"/path/to/file"'),
        ('[store]\ncurrency = "yuan"\n', "2 store.currency", "ISO 4217", 'currency = "CNY"'),
        ('[store]\ntime_zone = "Mars/Base"\n', "2 store.time_zone", "no time zone", "Asia/Shanghai"),
        ('[store]\ntime_zone = "../etc"\n', "2 store.time_zone", "no time zone", "Asia/Shanghai"),
        ('[store]\npublic_url = "https://a.example/"\n', "2 store.public_url", "without a slash", "https://"),
        ('[store]\npublic_url = "a.example"\n', "2 store.public_url", "web address", "https://"),
        ('[store]\nid = "Store 1"\n', "2 store.id", "a-z, 0-9", "name-1"),
        ('[database]\nurl = "mysql://x"\n', "2 database.url", "SQLite file or a PostgreSQL", "postgresql://"),
        ('[server]\ntls_key_file = "k"\n', "2 server.tls_key_file", "stands without tls_certificate_file", "both"),
        ('[server]\ntls_certificate_file = "c"\n', "2 server.tls_certificate_file", "without tls_key_file", "both"),
        ('[staff.oidc]\nissuer = "login"\n', "2 staff.oidc.issuer", "web address", "https://"),
        ('[staff.oidc.roles]\nx = "boss"\n', "2 staff.oidc.roles.x", 'found "boss"', '"attendant"'),
        ("[weighing]\nsigmas = 0\n", "2 weighing.sigmas", "from 1 to 10", "3.3"),
        ("[weighing]\ntolerance_g_min = 1.5\n", "2 weighing.tolerance_g_min", "whole grams", "= 10"),
        ("payments.providers = 1\n", "1 payments.providers", "expected a list, found 1", "[ … ]"),
        ('[[catalogue.store_codes]]\nname = "a"\n', "1 catalogue.store_codes[0].template", "is missing", "Add"),
        (LANE.replace('"lane-1"', '"lane-1"\nlanguage = "fr"'), "4 lane.language", 'expected "', '"zh"'),
        (
            LANE.replace('"lane-1"', '"lane-1"\nside_bay = "lane-1"'),
            "4 lane.side_bay",
            "its own side bay",
            "another name",
        ),
        (LANE.replace('"lane-1"', '"lane-1"\nside_bay_after_s = 500'), "4 lane.side_bay_after_s", "0 to 120", "= 12"),
        (LANE + "map = { belt = -1 }\n", "10 lane.io.map.belt", "a channel of the module", "belt = 6"),
        (LANE.replace("/dev/ttyUSB0", "ttyUSB0"), "7 lane.scale.port", "a serial port", "/dev/ttyUSB0"),
        (
            LANE.replace('[lane.scale]\nport = "/dev/ttyUSB0"\n', ""),
            "2 lane.scale",
            "is missing",
            "unqueue.toml.example",
        ),
        ("a = \n", "1 ", "not valid TOML", "toml.io"),
        ("[server]\nport = 1\nport = 2\n", "3 ", "not valid TOML", "toml.io"),
        ('[server]\nhost = "', "2 ", "not valid TOML", "toml.io"),
    ],
)
def test_a_mistake_is_told_with_line_key_and_cure(file: Path, text: str, place: str, what: str, mend: str) -> None:
    line, key = place.split(" ")
    (complaint,) = _complaints(file, text)
    assert complaint.where == f"{file}:{line}"
    assert complaint.key == key
    assert what in complaint.what
    assert mend in complaint.mend


def test_names_that_must_differ(file: Path) -> None:
    provider = '[[payments.providers]]\nid = "w"\nkind = "sandbox"\nzh = "微"\nen = "W"\n'
    (complaint,) = _complaints(file, provider * 2)
    assert (complaint.where, complaint.key) == (f"{file}:7", "payments.providers[1].id")
    code = '[[catalogue.store_codes]]\nname = "price"\ntemplate = "20"\n'
    (complaint,) = _complaints(file, code * 2)
    assert (complaint.where, complaint.key) == (f"{file}:5", "catalogue.store_codes[1].name")


def test_all_mistakes_come_at_once_in_the_order_of_the_file(file: Path) -> None:
    complaints = _complaints(file, '[server]\nprot = 1\nhost = ""\n[store]\ncurrency = "x"\n', {"UNQUEUE_A__B": "1"})
    assert [complaint.where for complaint in complaints] == ["UNQUEUE_A__B", f"{file}:2", f"{file}:3", f"{file}:5"]


def test_a_mistake_of_the_environment_names_the_variable(file: Path) -> None:
    (complaint,) = _complaints(file, "[server]\nport = 1\n", {"UNQUEUE_SERVER__PORT": "eighty"})
    assert complaint.where == "UNQUEUE_SERVER__PORT"
    assert 'found "eighty"' in complaint.what


@pytest.mark.parametrize(
    "variable",
    ["UNQUEUE_SERVER__PROT", "UNQUEUE_NO__PORT", "UNQUEUE_SERVER__PORT__X", "UNQUEUE___X", "UNQUEUE_STORE__"],
)
def test_a_variable_that_is_no_setting_is_told(variable: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings(None, {variable: "1"})
    assert [complaint.where for complaint in caught.value.complaints] == [variable]


def test_variables_of_others_are_left_alone() -> None:
    environ = {"UNQUEUE_PORT": "tcp://10.0.0.1:80", "UNQUEUE_SETTINGS": "x", "UNQUEUE_SERVICE_HOST": "h", "PATH": "p"}
    assert load_settings(None, environ) == load_settings(None, {})


def test_the_environment_alone_can_make_a_lane_and_a_provider() -> None:
    settings = load_settings(
        None,
        {
            "UNQUEUE_LANE__ID": "lane-2",
            "UNQUEUE_LANE__SERVER_URL": "https://store.example",
            "UNQUEUE_LANE__TOKEN": "12345",
            "UNQUEUE_LANE__SCALE__PORT": "socket://10.0.0.7:4001",
            "UNQUEUE_LANE__IO__HOST": "10.0.0.9",
            "UNQUEUE_LANE__IO__MAP": "{ belt_run = 7 }",
            "UNQUEUE_PAYMENTS__PROVIDERS__0__ID": "wallet",
            "UNQUEUE_PAYMENTS__PROVIDERS__0__KIND": "sandbox",
            "UNQUEUE_PAYMENTS__PROVIDERS__0__ZH": "沙盒钱包",
            "UNQUEUE_PAYMENTS__PROVIDERS__0__EN": "Sandbox wallet",
            "UNQUEUE_CATALOGUE__STORE_CODES": '[{ name = "price", template = "20" }]',
        },
    )
    lane = lane_of(settings)
    assert (lane.id, lane.token, lane.io.map, lane.scale.driver) == ("lane-2", "12345", {"belt_run": 7}, "toledo_8217")
    assert settings.payments.providers == [Provider(id="wallet", kind="sandbox", zh="沙盒钱包", en="Sandbox wallet")]
    assert settings.catalogue.store_codes == [StoreCode(name="price", template="20")]


def test_the_environment_changes_one_key_of_an_entry_of_a_list(file: Path) -> None:
    file.write_text('[[payments.providers]]\nid = "w"\nkind = "sandbox"\nzh = "微"\nen = "W"\nurl = "http://a"\n')
    environ = {"UNQUEUE_PAYMENTS__PROVIDERS__0__URL": "https://b", "UNQUEUE_PAYMENTS__PROVIDERS__5__URL": "https://c"}
    with pytest.raises(SettingsError) as caught:
        load_settings(file, environ)
    assert [complaint.where for complaint in caught.value.complaints] == ["UNQUEUE_PAYMENTS__PROVIDERS__5__URL"]
    del environ["UNQUEUE_PAYMENTS__PROVIDERS__5__URL"]
    assert load_settings(file, environ).payments.providers[0].url == "https://b"


def test_the_environment_replaces_a_whole_entry_of_a_list(file: Path) -> None:
    file.write_text('[[catalogue.store_codes]]\nname = "old"\ntemplate = "1"\n')
    environ = {"UNQUEUE_CATALOGUE__STORE_CODES__0": '{ name = "new", template = "2" }'}
    assert load_settings(file, environ).catalogue.store_codes == [StoreCode(name="new", template="2")]


def test_a_lane_without_lane_settings_is_told() -> None:
    with pytest.raises(SettingsError, match=r"\[lane\]"):
        lane_of(Settings())


def test_the_token_stays_out_of_logs(file: Path) -> None:
    file.write_text(LANE)
    settings = load_settings(file, {})
    assert "secret-of-the-lane" not in repr(settings)
    assert "lane-1" in repr(settings)


def test_rooms_above_hand_in_their_rules(file: Path) -> None:
    file.write_text('[[catalogue.store_codes]]\nname = "a"\ntemplate = "?"\n')
    key = ("catalogue", "store_codes", 0, "template")
    with pytest.raises(SettingsError) as caught:
        load_settings(file, {}, [lambda _: [(key, "can't be read", "Look at the guide.")]])
    assert str(caught.value) == f"{file}:3: catalogue.store_codes[0].template: can't be read. Look at the guide."


def test_a_file_that_is_not_there_or_not_text_is_told(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="No such file"):
        load_settings(tmp_path / "none.toml", {})
    latin = tmp_path / "latin.toml"
    latin.write_bytes(b'[store]\nname_en = "Caf\xe9"\n')
    with pytest.raises(SettingsError, match=r"latin.toml:2: this is not UTF-8"):
        load_settings(latin, {})


def test_which_file_is_read(tmp_path: Path) -> None:
    assert find_settings({}, tmp_path) is None
    (tmp_path / "unqueue.toml").touch()
    assert find_settings({}, tmp_path) == tmp_path / "unqueue.toml"
    assert find_settings({"UNQUEUE_SETTINGS": "/etc/unqueue.toml"}, tmp_path) == Path("/etc/unqueue.toml")


@given(
    st.dictionaries(
        st.sampled_from(["server", "store", "lane", "x"]),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(max_size=5),
            lambda inner: (
                st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["port", "id", "io", "y"]), inner)
            ),
        ),
    )
)
def test_whatever_the_environment_says_it_is_settings_or_complaints(values: dict[str, Any]) -> None:
    environ = {f"UNQUEUE_{name}__PORT": msgspec.json.encode(value).decode() for name, value in values.items()}
    try:
        settings = load_settings(None, environ)
    except SettingsError as error:
        assert error.complaints  # noqa: PT017  # either outcome is right, as long as it is one of the two
    else:
        assert 0 <= settings.server.port <= 65535


# The example is the reference of all keys, so it has to load, say the defaults, and name every key there is.


def test_the_example_says_the_defaults() -> None:
    example = load_settings(EXAMPLE, {})
    plain = load_settings(None, {})
    assert example == msgspec.structs.replace(
        plain, server=msgspec.structs.replace(plain.server, data_dir=EXAMPLE.parent / ".unqueue")
    )


def test_the_example_loads_with_everything_uncommented(file: Path) -> None:
    file.write_text(_uncommented())
    settings = load_settings(file, {})
    assert isinstance(settings.lane, Lane)
    assert settings.payments.providers
    assert settings.catalogue.store_codes


def test_the_example_names_every_key() -> None:
    declared = _declared(Settings)
    assert declared - _present(tomllib.loads(_uncommented()), declared) == set()


def _uncommented() -> str:
    """The example with the settings in its comments switched on: a comment that reads as TOML."""
    return re.sub(r"^# ?(?=\[|[a-z_]+ = )", "", EXAMPLE.read_text(encoding="utf-8"), flags=re.MULTILINE)


def _declared(kind: Any, at: str = "") -> set[str]:
    kind = bare(kind)
    if get_origin(kind) is list:
        kind = bare(get_args(kind)[0])
    if not (isinstance(kind, type) and issubclass(kind, msgspec.Struct)):
        return {at}
    return {key for field in msgspec.structs.fields(kind) for key in _declared(field.type, f"{at}.{field.name}")}


def _present(table: Any, declared: set[str], at: str = "") -> set[str]:
    """The keys of a table; one whose value is a table of the store's own names ends there."""
    if isinstance(table, list) and table:
        return {key for element in table for key in _present(element, declared, at)}
    if not isinstance(table, dict) or at in declared:
        return {at}
    return {key for name, value in table.items() for key in _present(value, declared, f"{at}.{name}")}
