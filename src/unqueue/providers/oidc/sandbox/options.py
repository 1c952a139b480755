"""What the sandbox is told at its start, and who works at this head office."""

from pathlib import Path

import msgspec


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """The store's client, and where browsers and the store reach the sandbox (empty: where it listens)."""

    data_dir: Path
    client_id: str = "demo-store"
    client_secret: str = "demo-secret"  # noqa: S105  # of a pretended provider
    redirect_uri: str = "http://localhost:8000/console/"
    host: str = "127.0.0.1"
    port: int = 0
    public_url: str = ""


class Employee(msgspec.Struct, frozen=True):
    subject: str
    name: str
    work_zh: str
    work_en: str
    roles: list[str]


PEOPLE = (
    Employee("7c1e40", "王芳", "门店经理", "store manager", ["employees", "store-managers"]),
    Employee("b02f9d", "陈伟", "门店主管", "store supervisor", ["employees", "store-supervisors"]),
    Employee("41ac77", "赵敏", "门店店员", "store attendant", ["employees", "store-staff"]),
    Employee("e95d02", "孙丽", "会计，不在门店工作", "accountant, no role in the store", ["employees"]),
)
