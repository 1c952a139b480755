"""Files as they come: packed, in other encodings, with other delimiters, damaged."""

import gzip
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unqueue.server.catalogue.sources import Rejected, Row, SourceUnreadable, recognise

CSV = "gtin,name_zh,unit_price\n6901234567892,纯牛奶,12.90\n96385074,糖,5\n"
OFF = '{"code": "3017620422003", "product_name": "Nutella"}\n'
TSV = 'code\tproduct_name\tquantity\n3017620422003\tNutella "400\t400 g\n96385074\t"Zucker\t\n'


def write(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def codes(path: Path) -> list[str]:
    return [row.given.gtin if isinstance(row, Row) else row.cause for row in recognise(path).rows("CNY")]


MILK, SUGAR, SPREAD = "06901234567892", "00000096385074", "03017620422003"


@pytest.mark.parametrize(
    ("content", "form", "expected"),
    [
        (CSV, "csv", [MILK, SUGAR]),
        ("\ufeff" + CSV, "csv", [MILK, SUGAR]),
        (CSV.replace("\n", "\r\n"), "csv", [MILK, SUGAR]),
        (CSV.replace(",", ";"), "csv", [MILK, SUGAR]),
        (CSV.replace(",", "\t"), "csv", [MILK, SUGAR]),
        (CSV.encode("gb18030"), "csv", [MILK, SUGAR]),
        (CSV.encode("utf-16"), "csv", [MILK, SUGAR]),
        # Without the time: it would stand in the test's name, and the workers would not agree on their tests.
        (gzip.compress(CSV.encode(), mtime=0), "csv", [MILK, SUGAR]),
        (OFF, "off-jsonl", [SPREAD]),
        ("\n" + OFF + "\n\n", "off-jsonl", [SPREAD]),
        ("\ufeff" + OFF, "off-jsonl", [SPREAD]),
        (OFF.encode("utf-16"), "off-jsonl", [SPREAD]),
        (("\n" + OFF).encode("utf-16"), "off-jsonl", [SPREAD]),
        (gzip.compress(OFF.encode("utf-16"), mtime=0), "off-jsonl", [SPREAD]),
        (OFF.replace("Nutella", "榛子可可酱").encode("gb18030"), "off-jsonl", [SPREAD]),
        (gzip.compress(OFF.encode(), mtime=0), "off-jsonl", [SPREAD]),
        (TSV, "off-csv", [SPREAD, SUGAR]),  # there a quote is just a character
        ('code,product_name\n3017620422003,"Nutella, 400"\n', "off-csv", [SPREAD]),
        ("gtin,name_zh\n", "csv", []),
        ("gtin,name_zh\n\n,\n", "csv", []),
    ],
)
def test_recognised(tmp_path: Path, content: str | bytes, form: str, expected: list[str]) -> None:
    path = write(tmp_path / "products", content)
    assert recognise(path).format == form
    assert codes(path) == expected


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ("", "must name the columns"),
        ("hello world\n", "must name the columns"),
        ("[{}]", "one JSON object a line"),
        ("gtin,prize\n", "no column 'prize'"),
        (b"\x1f\x8b broken", "cannot be read"),
    ],
)
def test_not_recognised(tmp_path: Path, content: str | bytes, fault: str) -> None:
    with pytest.raises(SourceUnreadable, match=fault):
        recognise(write(tmp_path / "products", content))


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(SourceUnreadable, match="cannot be read"):
        recognise(tmp_path / "nothing.csv")


def test_bad_rows_are_told_with_line_cause_and_text(tmp_path: Path) -> None:
    path = write(
        tmp_path / "p.csv",
        'gtin,name_zh,brand\n6901234567892,"纯\n牛奶",A\nabc,x,y\n96385074,糖,B,C\n4006381333931,笔,Z\n',
    )
    rows = list(recognise(path).rows("CNY"))
    assert [row.line for row in rows] == [2, 4, 5, 6]
    assert rows[1] == Rejected(4, "abc is no code: it has more than digits", "abc,x,y")
    assert rows[2] == Rejected(5, "4 cells, but the header has 3", "96385074,糖,B,C")
    assert isinstance(rows[0], Row)
    assert rows[0].given.fields["name_zh"] == "纯 牛奶"
    assert isinstance(rows[3], Row)


def test_one_row_in_another_encoding_is_refused_alone(tmp_path: Path) -> None:
    body = "gtin,name_zh,unit_price\n6901234567892,牛奶,1\n96385074,白糖,1\n".encode()  # each would pass as GB 18030
    body += b"4006381333931,\xd6\xc6,1\n6901234567892,ok,1\n"
    rows = list(recognise(write(tmp_path / "p.csv", body)).rows("CNY"))
    assert [isinstance(row, Row) for row in rows] == [True, True, False, True]
    assert isinstance(rows[2], Rejected)
    assert "encoding" in rows[2].cause
    rows[2].raw.encode()  # the list of rejects can be written


OPEN = "a quote is opened in this row and not closed"
PEN = "04006381333931"


@pytest.mark.parametrize(
    ("swallowed", "told"),
    [
        ('96385074,"open,x\n4006381333931,pen,1\n', [(3, OPEN), (4, PEN)]),  # nothing closes it
        ('96385074,"open,x\n4006381333931,"pen",1\n', [(3, OPEN), (4, PEN)]),  # the next row's quote is no end
        ('96385074,"open,x\n4006381333931,pen",1\n', [(3, OPEN), (4, PEN)]),  # it is, but between them is a row
        ('96385074,"a",x\n96385074,"open\n4006381333931,"", foo",1\n', [(3, SUGAR), (4, OPEN), (5, "4 cells")]),
        ('96385074,"open",x"\n4006381333931,pen,1\n', [(3, SUGAR), (4, PEN)]),  # a quote inside a plain cell is plain
        ('96385074,"5" pipe",x\n4006381333931,pen,1\n', [(3, "not readable as CSV"), (4, PEN)]),
        ('96385074,"open,x\n' + "\n" * 300 + "4006381333931,pen,1\n", [(3, OPEN), (304, PEN)]),
        ('96385074,"open,x\n' + "\n" * 300 + '4006381333931,pen,"1"\n', [(3, OPEN), (304, PEN)]),
        ('96385074,"a\n\nb",x\n4006381333931,pen,1\n', [(3, SUGAR), (6, PEN)]),
    ],
)
def test_an_open_quote_swallows_no_row(tmp_path: Path, swallowed: str, told: list[tuple[int, str]]) -> None:
    path = write(tmp_path / "p.csv", "gtin,name_zh,brand\n6901234567892,ok,1\n" + swallowed)
    rows = list(recognise(path).rows("CNY"))
    assert [row.line for row in rows] == [2, *(line for line, _ in told)]
    for row, (_, expected) in zip(rows[1:], told, strict=True):
        assert (row.given.gtin if isinstance(row, Row) else row.cause).startswith(expected)


@settings(max_examples=300)
@given(st.lists(st.text(st.sampled_from('",x\n'), max_size=8), max_size=6), st.sampled_from(["\n", "\r\n"]))
def test_whatever_the_quotes_each_line_is_told_of(
    tmp_path_factory: pytest.TempPathFactory, bad: list[str], end: str
) -> None:
    """A row without quotes that stands among rows with any is taken, or told with its own line."""
    path = tmp_path_factory.mktemp("quotes") / "p.csv"
    lines = ["gtin,name_zh,brand"]
    good = {}
    for number, cell in enumerate(bad):
        lines += f"96385074,{cell}".split("\n")
        code = f"21{number:02}000000000"
        good[len(lines) + 1] = code
        lines.append(f"{code},pen,1")
    write(path, end.join([*lines, ""]))
    assert good.keys() <= {row.line for row in recognise(path).rows("CNY")}


def test_a_quote_that_the_header_leaves_open(tmp_path: Path) -> None:
    path = write(tmp_path / "p.csv", 'gtin,"name_zh\n96385074,x"\n4006381333931,pen\n')
    with pytest.raises(SourceUnreadable, match="quote"):
        list(recognise(path).rows("CNY"))


def test_a_packed_file_cut_short_is_no_file(tmp_path: Path) -> None:
    packed = gzip.compress("".join(f"{number}," for number in range(500_000)).encode())
    head = gzip.compress(CSV.encode())
    path = write(tmp_path / "p.csv.gz", head + packed[: len(packed) // 2])
    with pytest.raises(SourceUnreadable, match="damaged or cut short"):
        list(recognise(path).rows("CNY"))


def test_progress_reaches_the_end(tmp_path: Path) -> None:
    path = write(tmp_path / "p.jsonl", OFF * 1200)
    heard: list[tuple[int, int]] = []
    list(recognise(path).rows("CNY", lambda done, total: heard.append((done, total))))
    size = path.stat().st_size
    assert heard[-1] == (size, size)
    assert len(heard) > 2
    assert all(done <= size == total for done, total in heard)
