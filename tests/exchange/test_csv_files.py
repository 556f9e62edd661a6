"""CSV as spreadsheets write it, and as they may safely open it."""

import csv
from io import BytesIO, StringIO

import pytest

from provisioner.errors import Invalid
from provisioner.exchange import csv_files
from provisioner.exchange.csv_files import Line


def read(text: str, encoding: str = "utf-8") -> list[Line]:
    return csv_files.read(BytesIO(text.encode(encoding)))


def written(*rows: list[object]) -> bytes:
    return b"".join(csv_files.write(rows))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("delimiter", [",", ";"])
def test_commas_and_semicolons_are_told_apart_with_and_without_a_byte_order_mark(encoding, delimiter):
    lines = read(f"Name {delimiter} CODE\nفاس{delimiter}03\n", encoding)

    assert lines == [Line(2, {"name": "فاس", "code": "03"})]


def test_rows_keep_the_number_of_the_line_that_they_begin_on():
    lines = read('name,code\n"two\nlines",1\n\nlast,2\n')

    assert [(line.number, line.cells["code"]) for line in lines] == [(2, "1"), (5, "2")]


def test_a_short_row_ends_in_empty_cells():
    assert read("a,b,c\n1\n") == [Line(2, {"a": "1", "b": "", "c": ""})]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "empty"),
        (b"a,b,a\n", "twice: a"),
        (b"a,b\n1,2,3\n", "Line 2 has more cells"),
        (b'a,b\n"1,2\n', "is not CSV"),
        ("a,b\n1,2\né,3\n".encode("latin-1"), "Line 3 is not UTF-8"),
    ],
)
def test_what_is_no_such_file_is_refused_with_its_reason(content, told):
    with pytest.raises(Invalid, match=told):
        csv_files.read(BytesIO(content))


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx", "'=1", "''=1", "plain", "'quoted'"])
def test_no_cell_is_a_formula_and_reading_gives_back_what_was_written(text):
    content = written(["name"], [text])
    shown = list(csv.reader(StringIO(content.decode("utf-8-sig"), newline="")))[1][0]

    assert shown[0] not in "=+-@\t\r"
    assert read(content.decode("utf-8-sig"))[0].cells["name"] == text


def test_a_file_begins_with_a_byte_order_mark_and_knows_no_none():
    assert written(["a", "b"], [None, 7]) == b"\xef\xbb\xbfa,b\r\n,7\r\n"


def test_a_long_file_comes_in_pieces_before_its_last_row_is_known():
    def rows():
        for number in range(10_000):
            yield [number, "x" * 20]
        pytest.fail("the first piece waited for the last row")

    assert len(next(csv_files.write(rows()))) < 20_000
