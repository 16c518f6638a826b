"""How a table is written, told by its first lines: delimiter, quotes, comments before the header."""

import csv
import re
from collections.abc import Sequence
from typing import NamedTuple

from charnn.data.lines import Line, Pause
from charnn.data.tables.records import Dialect, Header, Lookahead
from charnn.errors import DataError

DELIMITERS = "\t;|,"  # Signs between cells; where two divide a table equally well, the one that is rarer in texts and numbers
SAMPLE = 20  # Lines that are looked at where the first one leaves a question open


class Begin(NamedTuple):
    """What comes before the header, and the delimiter that it names."""

    text: str = ""
    delimiter: str | None = None


def skip_begin(lines: Lookahead) -> Begin:
    """Takes empty lines, Excel's `sep=;` and comments before the header: lines with # that are divided otherwise than what follows."""
    text, delimiter = "", None
    for line in lines:
        if isinstance(line, Pause):
            continue
        said = re.fullmatch(r'"?sep=([^"\r\n])"?', line.text.rstrip("\r\n"), re.IGNORECASE)
        is_comment = line.text.startswith("#") and _is_comment(line, lines)
        if line.text.strip(" \r\n") and not said and not is_comment:
            lines.give_back([line])
            break
        delimiter = said[1] if said else delimiter
        text += line.text
    return Begin(text, delimiter)


def _is_comment(line: Line, lines: Lookahead) -> bool:
    """Is a line with # divided otherwise than the first line without?"""
    for count in range(1, SAMPLE):
        following = lines.ahead(count, waits=True)
        if len(following) < count:
            return False
        text = following[-1].text
        if text.strip() and not text.startswith("#"):
            best = best_delimiter([text])
            return best is not None and _divided([line.text], best)[0] != _divided([text], best)[0]
    return False


def find_dialect(lines: Lookahead, form: str, delimiter: str | None) -> Dialect:
    """How a table is written: as it was specified, else by its first line, and by more where two delimiters divide that one."""
    if form == "tsv":
        return Dialect(form, delimiter or "\t", delimiter not in (None, "\t"), is_open=delimiter in (None, "\t"))
    if delimiter is None:
        sample = [line.text for line in lines.ahead(1)]
        if (sample and sample[0].count('"') % 2) or len(_dividing(sample)) > 1:
            sample = [line.text for line in lines.ahead(SAMPLE)]
        delimiter = best_delimiter(sample)
    return Dialect(form, delimiter or ",", has_quotes=True)


def divided_by(delimiter: str) -> str:
    """How a delimiter is called in a sentence."""
    return {"\t": "tabs", ",": "commas", " ": "blanks"}.get(delimiter, delimiter)


def best_delimiter(sample: Sequence[str]) -> str | None:
    """The sign that divides the first rows best; None where none does."""
    rows = _dividing(sample)
    return max(rows, key=lambda sign: rows[sign], default=None)


def undivided(header: Header | None) -> DataError | None:
    """What another delimiter would make of a header of one column; None where there is none, or nothing to divide."""
    if header is None or header.dialect is None or len(header.columns) != 1 or (best := best_delimiter(header.columns)) is None:
        return None
    names = " and ".join(f"{name.strip():.40}" for name in next(csv.reader(header.columns, delimiter=best)))
    now, other = (f"by {divided_by(sign)}" if sign == "\t" else f"by '{sign}'" for sign in (header.dialect.delimiter, best))
    option = "tab" if best == "\t" else f"'{best}'"
    return DataError(f"{header.where}: divided {now} there is one column; divided {other} there are {names}; say --delimiter {option}")


def has_blanks(text: str, delimiter: str) -> bool:
    """Are there blanks between a delimiter and a quote that opens a cell?"""
    if ' "' not in text or delimiter == " ":
        return False
    return any(text.count('"', 0, one.start()) % 2 == 0 for one in re.finditer(rf'{re.escape(delimiter)} +"', text))


def is_quoted(lines: Sequence[Line], delimiter: str) -> bool:
    """Is a TSV written as Excel does: do the quotes in its first rows stand around cells, and are those within cells doubled?"""
    texts = [line.text for line in lines]
    reader, cells = csv.reader(texts, delimiter=delimiter, strict=True), list[str]()
    try:
        for row in reader:
            cells += [cell for cell in row if '"' in cell]
    except csv.Error:
        if reader.line_num < len(texts):  # else a row that goes on behind the sample
            return False
    whole = "".join(texts)
    return bool(cells) and all('"{}"'.format(cell.replace('"', '""')) in whole for cell in cells)


def _dividing(sample: Sequence[str]) -> dict[str, int]:
    """How many rows each delimiter divides like the first one, of those that divide the first one."""
    divided = {sign: _divided(sample, sign) for sign in DELIMITERS}
    return {sign: rows for sign, (cells, rows) in divided.items() if cells > 1}


def _divided(sample: Sequence[str], delimiter: str) -> tuple[int, int]:
    """The cells of the first row, and how many rows from there on have as many."""
    width = rows = 0
    try:
        for cells in csv.reader(sample, delimiter=delimiter, strict=True):
            width = width or len(cells)
            if len(cells) != width:
                break
            rows += 1
    except csv.Error:
        pass  # a row that goes on behind the sample, or one that this sign does not divide
    return width, rows
