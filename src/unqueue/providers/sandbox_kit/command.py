"""What the command lines of sandboxes have in common: their options, and how a store with an account is written."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated, Any, TypeVar

import typer

T = TypeVar("T")
DEMO_NAMES = {"name_zh": "不排队超市", "name_en": "Unqueue Store"}
"""Of the store that a sandbox makes up where it is told of none."""
_NAMES = ("name_zh", "name_en")

Host = Annotated[str, typer.Option(help="Address to listen on.")]
Port = Annotated[int, typer.Option(min=0, max=65535, help="TCP port; 0 takes a free one.")]
LateS = Annotated[float, typer.Option(min=0, help="How late a late notification comes, in seconds.")]
RetryFirstS = Annotated[
    float, typer.Option(min=0.01, help="First pause before a notification is sent again; doubles up to an hour.")
]


def public_url_option(prefix: str) -> Any:
    """The option ``--public-url`` of a sandbox that the front door has under a prefix."""
    return typer.Option(help=f"Where browsers reach it, with the front door's prefix, such as https://host/{prefix}.")


def merchants_option(fields: Sequence[str], without: str) -> Any:
    """The option ``--merchant``; ``without`` says what happens where there is none."""
    return typer.Option(help=f"A store with an account: {_form(fields)}. May be given again. {without}")


def merchants_of(written: Sequence[str] | None, read: Callable[[str], T], demo: Callable[[], T]) -> tuple[T, ...]:
    """The stores with an account; without one, the demo store."""
    return tuple(map(read, written)) if written else (demo(),)


def split_merchant(text: str, fields: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    """What ``--merchant`` says: the fields, and the store's names, where they are given.

    typer.BadParameter tells the form.

    >>> split_merchant("7,shop.pub,果蔬店,Greengrocer", ("ID", "PUBLIC_KEY_FILE"))
    (['7', 'shop.pub'], {'name_zh': '果蔬店', 'name_en': 'Greengrocer'})
    """
    words = text.split(",")
    given, names = words[: len(fields)], words[len(fields) :]
    if len(given) < len(fields) or not all(given) or len(names) not in {0, len(_NAMES)}:
        raise typer.BadParameter(f"write --merchant as {_form(fields)}, not {text!r}")
    return given, dict(zip(_NAMES, names, strict=False))


@contextmanager
def reading(what: str) -> Iterator[None]:
    """A file that can't be read is the fault of the command line: typer.BadParameter."""
    try:
        yield
    except (OSError, ValueError) as error:
        raise typer.BadParameter(f"{what} can't be read: {error}") from error


def _form(fields: Sequence[str]) -> str:
    return ",".join(fields) + "[,CHINESE NAME,ENGLISH NAME]"
