"""What can be wrong with ``[staff]``, told before anything starts."""

from pathlib import Path
from typing import get_args

import pytest

from unqueue.kernel.settings import SettingsError, load_settings
from unqueue.kernel.settings_staff import StaffRole
from unqueue.server.setup import settings_rules
from unqueue.server.staff.model import ROLES

OFFICE = '[staff.oidc]\nissuer = "https://login.example"\nclient_id = "shop"\n[staff.oidc.roles]\nstaff = "attendant"\n'


def complaints(tmp_path: Path, text: str) -> list[tuple[str, str]]:
    file = tmp_path / "unqueue.toml"
    file.write_text(text, encoding="utf-8")
    try:
        load_settings(file, {}, settings_rules())
    except SettingsError as error:
        return [(one.key, one.what) for one in error.complaints]
    return []


def test_the_settings_know_all_roles() -> None:
    assert get_args(StaffRole) == ROLES


@pytest.mark.parametrize(
    ("url", "is_fine"),
    [
        ("https://store.example", True),
        ("http://localhost:8000", True),
        ("https://192.168.1.7", False),
        ("http://store.example", False),
        ("https://[::1]:8000", False),
    ],
)
def test_passkeys_can_be_asked_for_where_browsers_make_them(tmp_path: Path, url: str, *, is_fine: bool) -> None:
    found = complaints(tmp_path, f'[staff]\nconsole_url = "{url}"\npasskey_for = ["manager"]\n')
    assert [key for key, _ in found] == ([] if is_fine else ["staff.passkey_for"])
    assert complaints(tmp_path, f'[staff]\nconsole_url = "{url}"\n') == []


def test_head_office_as_it_should_be(tmp_path: Path) -> None:
    assert complaints(tmp_path, OFFICE) == []
    (tmp_path / "secret").write_text("s\n")
    assert complaints(tmp_path, OFFICE.replace("[staff.oidc.", 'client_secret_file = "secret"\n[staff.oidc.')) == []


@pytest.mark.parametrize(
    ("change", "key", "what"),
    [
        (("https://login", "http://login"), "issuer", "https"),
        (('client_id = "shop"\n', ""), "issuer", "client_id"),
        (('staff = "attendant"\n', ""), "issuer", "roles"),
        (('client_id = "shop"\n', 'client_id = "shop"\nscope = "profile"\n'), "scope", "openid"),
        (('client_id = "shop"\n', 'client_id = "shop"\nclient_secret_file = "none"\n'), "client_secret_file", "read"),
        (('client_id = "shop"\n', 'client_id = "shop"\nclient_secret_file = "empty"\n'), "client_secret_file", "empty"),
    ],
)
def test_what_head_office_lacks(tmp_path: Path, change: tuple[str, str], key: str, what: str) -> None:
    (tmp_path / "empty").touch()
    ((found, told),) = complaints(tmp_path, OFFICE.replace(*change))
    assert found == f"staff.oidc.{key}"
    assert what in told
