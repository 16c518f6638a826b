"""The dialect of a table, found in its first lines: delimiter, quotes, comments before the header."""

import csv
import re
from collections.abc import Sequence

from charnn.data.lines import Line, Pause
from charnn.data.tables.records import Dialect, Header, Lookahead
from charnn.errors import DataError

DELIMITERS = "\t;|,"  # Of two that divide a table equally well the first is taken, which is rarer in texts and numbers
SAMPLE = 20  # Lines that are read where the first one does not decide


def skip_begin(lines: Lookahead) -> tuple[str, str | None]:
    """Take empty lines, Excel's `sep=;` and comments before the header; return their text and the delimiter that they name."""
    text, delimiter = "", None
    for line in lines:
        if isinstance(line, Pause):
            continue
        naming = re.fullmatch(r'"?sep=([^"\r\n])"?', line.text.rstrip("\r\n"), re.IGNORECASE)
        is_comment = line.text.startswith("#") and _is_comment(line, lines)
        if line.text.strip(" \r\n") and not naming and not is_comment:
            lines.give_back([line])
            break
        delimiter = naming[1] if naming else delimiter
        text += line.text
    return text, delimiter


def _is_comment(line: Line, lines: Lookahead) -> bool:
    """Does a line with # have another number of cells than the first line without?"""
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
    """Return the dialect of a table: with the given delimiter, else by the first line, and by more where two delimiters divide that."""
    if form == "tsv":
        return Dialect(form, delimiter or "\t", delimiter not in (None, "\t"), is_open=delimiter in (None, "\t"))
    if delimiter is None:
        sample = [line.text for line in lines.ahead(1)]
        if (sample and sample[0].count('"') % 2) or len(_dividing(sample)) > 1:
            sample = [line.text for line in lines.ahead(SAMPLE)]
        delimiter = best_delimiter(sample)
    return Dialect(form, delimiter or ",", has_quotes=True)


def divided_by(delimiter: str) -> str:
    """Return the name of a delimiter in a sentence."""
    return {"\t": "tabs", ",": "commas", " ": "blanks"}.get(delimiter, delimiter)


def best_delimiter(sample: Sequence[str]) -> str | None:
    """Return the delimiter that divides the first rows best; None where none does."""
    rows = _dividing(sample)
    return max(rows, key=lambda delimiter: rows[delimiter], default=None)


def undivided(header: Header | None) -> DataError | None:
    """Return an error that names the delimiter which divides a header of one column; None if the header is divided or no other does."""
    if header is None or header.dialect is None or len(header.columns) != 1 or (best := best_delimiter(header.columns)) is None:
        return None
    names = " and ".join(f"{name.strip():.40}" for name in next(csv.reader(header.columns, delimiter=best)))
    now, other = (f"by {divided_by(one)}" if one == "\t" else f"by '{one}'" for one in (header.dialect.delimiter, best))
    option = "tab" if best == "\t" else f"'{best}'"
    return DataError(f"{header.where}: divided {now} there is one column; divided {other} there are {names}; say --delimiter {option}")


def has_blanks(text: str, delimiter: str) -> bool:
    """Are there blanks between a delimiter and a quote that opens a cell?"""
    if ' "' not in text or delimiter == " ":
        return False
    return any(text.count('"', 0, one.start()) % 2 == 0 for one in re.finditer(rf'{re.escape(delimiter)} +"', text))


def is_quoted(lines: Sequence[Line], delimiter: str) -> bool:
    """Is a TSV written as Excel does: with quotes around cells in its first rows, and quotes within cells doubled?"""
    texts = [line.text for line in lines]
    reader, cells = csv.reader(texts, delimiter=delimiter, strict=True), list[str]()
    try:
        for row in reader:
            cells += [cell for cell in row if '"' in cell]
    except csv.Error:
        if reader.line_num < len(texts):  # else the last row ends behind the sample
            return False
    whole = "".join(texts)
    return bool(cells) and all('"{}"'.format(cell.replace('"', '""')) in whole for cell in cells)


def _dividing(sample: Sequence[str]) -> dict[str, int]:
    """Return, for each delimiter that divides the first row, the number of rows that it divides into as many cells."""
    divided = {delimiter: _divided(sample, delimiter) for delimiter in DELIMITERS}
    return {delimiter: rows for delimiter, (cells, rows) in divided.items() if cells > 1}


def _divided(sample: Sequence[str], delimiter: str) -> tuple[int, int]:
    """Return the number of cells in the first row, and of rows from there on with as many."""
    width = rows = 0
    try:
        for cells in csv.reader(sample, delimiter=delimiter, strict=True):
            width = width or len(cells)
            if len(cells) != width:
                break
            rows += 1
    except csv.Error:
        pass  # a row that ends behind the sample, or one that this delimiter does not divide
    return width, rows
