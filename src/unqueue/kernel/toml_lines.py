"""On which line a key of a TOML document stands. The standard library's reader tells values, not places."""

import tomllib
from collections.abc import Mapping

Key = tuple[str | int, ...]
"""A place in a document: names of tables and keys, and the positions (from 0) in arrays."""

_BARE = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")


def key_lines(text: str) -> Mapping[Key, int]:
    r"""The line (from 1) of each table, key and array element of a document that `tomllib` accepts (TOML 1.0.0).

    >>> key_lines('name = "x"\n[[lane]]\nport = 1\n[[lane]]\nport = 2')[("lane", 1, "port")]
    5
    """
    scanner = _Scanner(text.replace("\r\n", "\n"))
    scanner.document()
    return scanner.lines


class _Scanner:
    """Walks a valid document once. It checks nothing: the document was read by `tomllib` before."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.position = 0
        self.lines: dict[Key, int] = {}
        self._lengths: dict[Key, int] = {}  # of the arrays of tables

    def document(self) -> None:
        table: Key = ()
        while self._skip_blank():
            if self._starts("[["):
                table = self._header(2)
                length = self._lengths.get(table, 0)
                self._lengths[table] = length + 1
                table = (*table, length)
                self._note(table)
            elif self._starts("["):
                table = self._header(1)
                self._note(table)
            else:
                self._pair(table)

    def _header(self, brackets: int) -> Key:
        """The table that `[a.b]` or `[[a.b]]` names; an array of tables on the way stands for its latest element."""
        self.position += brackets
        names = self._key()
        self._skip_spaces()
        self.position += brackets
        place: Key = ()
        for index, name in enumerate(names):
            place = (*place, name)
            if index < len(names) - 1 and place in self._lengths:
                place = (*place, self._lengths[place] - 1)
        return place

    def _pair(self, table: Key) -> None:
        names = self._key()
        for length in range(1, len(names) + 1):
            self._note((*table, *names[:length]))
        self._skip_spaces()
        self.position += 1  # the equals sign
        self._skip_spaces()
        self._value((*table, *names))

    def _key(self) -> tuple[str, ...]:
        names = []
        while True:
            self._skip_spaces()
            start = self.position
            if self._starts('"', "'"):
                self._skip_string()
                names.append(str(tomllib.loads(f"k = {self.text[start : self.position]}")["k"]))
            else:
                while self.position < len(self.text) and self.text[self.position] in _BARE:
                    self.position += 1
                names.append(self.text[start : self.position])
            self._skip_spaces()
            if not self._starts("."):
                return tuple(names)
            self.position += 1

    def _value(self, place: Key) -> None:
        if self._starts('"', "'"):
            self._skip_string()
        elif self._starts("["):
            self._array(place)
        elif self._starts("{"):
            self._inline_table(place)
        else:
            while self.position < len(self.text) and self.text[self.position] not in ",]}\n#":
                self.position += 1

    def _array(self, place: Key) -> None:
        self.position += 1
        index = 0
        while self._skip_blank() and not self._starts("]"):
            self._note((*place, index))
            self._value((*place, index))
            self._skip_blank()
            if self._starts(","):
                self.position += 1
            index += 1
        self.position += 1

    def _inline_table(self, place: Key) -> None:
        self.position += 1
        while self._skip_blank() and not self._starts("}"):
            self._pair(place)
            self._skip_blank()
            if self._starts(","):
                self.position += 1
        self.position += 1

    def _skip_string(self) -> None:
        quote = self.text[self.position]
        if self._starts(quote * 3):
            self.position += 3
            while not self._starts(quote * 3):
                self.position += 2 if quote == '"' and self._starts("\\") else 1
            self.position += 3
            while self._starts(quote):  # up to two quotes may stand before the closing three
                self.position += 1
            return
        self.position += 1
        while not self._starts(quote):
            self.position += 2 if quote == '"' and self._starts("\\") else 1
        self.position += 1

    def _skip_spaces(self) -> None:
        while self._starts(" ", "\t"):
            self.position += 1

    def _skip_blank(self) -> bool:
        """Skip spaces, line ends and comments; whether anything is left."""
        while self._starts(" ", "\t", "\n", "#"):
            if self._starts("#"):
                end = self.text.find("\n", self.position)
                self.position = len(self.text) if end < 0 else end
            else:
                self.position += 1
        return self.position < len(self.text)

    def _starts(self, *tokens: str) -> bool:
        return self.text.startswith(tokens, self.position)

    def _note(self, place: Key) -> None:
        self.lines.setdefault(place, self.text.count("\n", 0, self.position) + 1)
