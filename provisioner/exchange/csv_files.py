"""CSV files in and out, as spreadsheets write and read them. Knows no room: a row is a mapping or a list of texts."""

import csv
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import StringIO
from itertools import zip_longest
from typing import BinaryIO

from provisioner.errors import Invalid

BOM = "\ufeff"
CHUNK = 16 * 1024

# A spreadsheet calculates a cell that begins like this. An apostrophe in front makes it text; reading takes it away.
FORMULA = re.compile(r"'*[=+\-@\t\r]")
NEUTRALISED = re.compile(r"'+[=+\-@\t\r]")


@dataclass(frozen=True)
class Line:
    """One row of a file: the number of its (first) line, and its cells by column."""

    number: int
    cells: Mapping[str, str]


def read(stream: BinaryIO) -> list[Line]:
    """The rows below the header; Invalid for what is no such file. UTF-8, separated by commas or semicolons."""
    text = _text(stream)
    head, _, _ = text.partition("\n")
    reader = csv.reader(
        StringIO(text, newline=""), delimiter=";" if head.count(";") > head.count(",") else ",", strict=True
    )
    try:
        columns = [cell.strip().lower() for cell in next(reader, [])]
        _refuse_bad_header(columns)
        return list(_lines(reader, columns))
    except csv.Error as error:
        raise Invalid("Line %(line)s is not CSV: %(why)s.", line=reader.line_num, why=str(error)) from None


def _text(stream: BinaryIO) -> str:
    content = stream.read()
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise Invalid("Line %(line)s is not UTF-8. Save the file as CSV in UTF-8.", line=line) from None


def _refuse_bad_header(columns: list[str]) -> None:
    if not any(columns):
        raise Invalid("The file is empty. Its first line has to name the columns.")
    twice = sorted({column for column in columns if columns.count(column) > 1})
    if twice:
        raise Invalid("The first line names a column twice: %(columns)s.", columns=", ".join(twice))


def _lines(reader: Iterator[list[str]], columns: list[str]) -> Iterator[Line]:
    number = reader.line_num + 1  # type: ignore[attr-defined]
    for cells in reader:
        if len(cells) > len(columns):
            raise Invalid("Line %(line)s has more cells than there are columns.", line=number)
        if any(cells):
            yield Line(number, dict(zip_longest(columns, map(_plain, cells), fillvalue="")))
        number = reader.line_num + 1  # type: ignore[attr-defined]


def _plain(cell: str) -> str:
    return cell[1:] if NEUTRALISED.match(cell) else cell


def _neutral(cell: str) -> str:
    return f"'{cell}" if FORMULA.match(cell) else cell


def write(rows: Iterable[Sequence[object]]) -> Iterator[bytes]:
    """The rows, the header first, as a file in pieces: nothing waits for the last row. None is an empty cell."""
    piece = StringIO(newline="")
    piece.write(BOM)
    writer = csv.writer(piece)
    for row in rows:
        writer.writerow(["" if cell is None else _neutral(str(cell)) for cell in row])
        if piece.tell() >= CHUNK:
            yield piece.getvalue().encode()
            piece.seek(0)
            piece.truncate()
    yield piece.getvalue().encode()
