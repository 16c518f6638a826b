"""Tests of charnn.data.tables: any file that spreadsheets and data sets come in, as the same rows."""

import csv
import io
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from charnn.data.lines import Line, Pause, decoded_lines
from charnn.data.readers import Source, refuse
from charnn.data.settings import ReadSettings
from charnn.data.tables.columns import header_rule
from charnn.data.tables.reading import Reading, read_table
from charnn.data.tables.records import BadRow, Header, Row
from charnn.errors import DataError, SettingError


def items_of(content: str | bytes, form: str = "csv", given: tuple[str, ...] = (), **values: object) -> list[object]:
    """Header, rows and bad rows of a table."""
    data = content.encode() if isinstance(content, str) else content
    settings = ReadSettings(**values)  # type: ignore[arg-type]
    lines = decoded_lines("a", [data], settings.encoding, settings.errors, takes_returns=True)
    return list(read_table("a", lines, form, settings, header_rule(settings, given)))


def rows_of(content: str | bytes, form: str = "csv", given: tuple[str, ...] = (), **values: object) -> list[dict[str, object]]:
    """The good rows as dicts, the bad ones as messages."""
    items = items_of(content, form, given, **values)
    return [dict(one.values) if isinstance(one, Row) else one.message for one in items if isinstance(one, Row | BadRow)]


ROWS = [{"text": "good, I say; or so", "label": "x"}, {"text": "bad | and tabbed", "label": "y"}]
QUOTED = '"good, I say; or so"{0}x\n"bad | and tabbed"{0}y\n'


@pytest.mark.parametrize("delimiter", list(",;|\t"))
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("begin", ["", "\ufeff", "# exported 2024\n", "\n# exported, 2024, by me\n# again\n\n"])
def test_the_same_rows_whatever_divides_them_ends_their_lines_and_comes_before(delimiter: str, line_end: str, begin: str) -> None:
    content = f"{begin}text{delimiter}label\n{QUOTED.format(delimiter)}".replace("\n", line_end)
    assert rows_of(content) == ROWS
    header = next(one for one in items_of(content) if isinstance(one, Header))
    assert header.dialect is not None
    assert (header.dialect.delimiter, header.line_end) == (delimiter, line_end)


@pytest.mark.parametrize("delimiter", [";", "|", "\t", ":"])
def test_excel_may_name_the_delimiter_in_a_line_of_its_own(delimiter: str) -> None:
    assert rows_of(f"sep={delimiter}\r\ntext{delimiter}label\r\n{QUOTED.format(delimiter)}") == ROWS
    assert rows_of(f'"SEP={delimiter}"\ntext{delimiter}label\n{QUOTED.format(delimiter)}') == ROWS


@pytest.mark.parametrize(
    ("content", "columns"),
    [
        ("text;label\ngood, or so;x\n", ("text", "label")),
        ("text, long;label\ngood, or so, I say;x\nbad;y\n", ("text, long", "label")),
        ("a;b,c;d\n1,2\n3,4\n", ("a;b", "c;d")),
        ('"a;b";"c,d"\n1;2\n', ("a;b", "c,d")),
        ('"a\nb";c\n1;2\n', ("a\nb", "c")),
        ("text\na, b\n", ("text",)),
        ("2019-01-01;2000,5\n2019-01-02;2001,5\n", ("2019-01-01", "2000,5")),
    ],
)
def test_the_delimiter_is_the_one_that_divides_the_first_rows_alike(content: str, columns: tuple[str, ...]) -> None:
    header = items_of(content)[0]
    assert isinstance(header, Header)
    assert header.columns == columns


def test_a_delimiter_that_is_given_stands_above_what_is_seen() -> None:
    assert rows_of("text;label\na;x\n", delimiter=";") == [{"text": "a", "label": "x"}]
    assert rows_of("a:b,c\n1:2,3\n", delimiter=":") == [{"a": "1", "b,c": "2,3"}]
    assert rows_of("a\tb\n1\t2\n", delimiter="tab") == rows_of("a\tb\n1\t2\n", delimiter="\\t") == [{"a": "1", "b": "2"}]
    assert rows_of("a|b\n1|2\n", "tsv", delimiter="|") == [{"a": "1", "b": "2"}]
    for delimiter in ("", ";;", '"', "\n"):
        with pytest.raises(SettingError, match=r"^delimiter must be one character such as ',', ';', '\|' or tab, got "):
            ReadSettings(delimiter=delimiter)


def test_a_header_that_another_delimiter_divides_is_reported_with_it() -> None:
    with pytest.raises(DataError) as caught:
        rows_of(f"Text;Label\n{QUOTED.format(';')}", delimiter=",")
    assert str(caught.value) == "a:1: divided by ',' there is one column; divided by ';' there are Text and Label; say --delimiter ';'"


def test_columns_without_a_name_and_a_name_that_comes_again_are_called_by_their_numbers() -> None:
    assert rows_of("v1,v2,,,\nham,so,,,\n") == [{"v1": "ham", "v2": "so", "3": "", "4": "", "5": ""}]
    assert rows_of("a,a,b,a\n1,2,3,4\n") == [{"a": "1", "2": "2", "b": "3", "4": "4"}]
    assert rows_of(",2\nx,y\n") == [{"1": "x", "2": "y"}]
    assert rows_of("2,,\nx,y,z\n") == [{"2": "x", "column 2": "y", "3": "z"}]


def test_columns_given_by_number_mean_a_table_without_a_header_unless_its_first_row_has_known_names() -> None:
    headless = "ham,so\nspam,win\n"
    assert rows_of(headless, given=("2", "1")) == [{"1": "ham", "2": "so"}, {"1": "spam", "2": "win"}]
    assert rows_of(headless, header=False) == rows_of(headless, given=("2", "1"))
    assert rows_of(headless, given=("2", "1"), header=True) == rows_of(headless) == [{"ham": "spam", "so": "win"}]
    assert rows_of("label,2\nham,so\n", given=("1",)) == [{"label": "ham", "2": "so"}]
    assert rows_of("1,2\nham,so\n", given=("2", "1")) == [{"1": "ham", "2": "so"}]


def test_blanks_before_a_quote_are_no_part_of_a_cell() -> None:
    content = 'label, text\npos, "Good, 1"\n neg,   "Bad\n2"\n'
    assert rows_of(content) == [{"label": "pos", "text": "Good, 1"}, {"label": "neg", "text": "Bad\n2"}]
    assert rows_of('a,b\n"so, ", x\n') == [{"a": "so, ", "b": " x"}]


def test_empty_cells_behind_the_last_column_are_left_out() -> None:
    assert rows_of("a,b\n1,2,,\n3,4\n5,6,7\n") == [{"a": "1", "b": "2"}, {"a": "3", "b": "4"}, "a:4: expected 2 columns (a, b), found 3"]


def test_a_tsv_has_quotes_only_where_every_cell_that_begins_with_one_is_as_excel_writes_it() -> None:
    plain = 'a\tb\n"so" he said\t"x"\n"said"\ty\n'
    assert rows_of(plain, "tsv") == [{"a": '"so" he said', "b": '"x"'}, {"a": '"said"', "b": "y"}]
    assert rows_of('a\tb\n"so"\t"x"\n', "tsv") == [{"a": '"so"', "b": '"x"'}]
    excel = 'a\tb\nno\tquotes\n"""so"", said he"\t"tab\tin"\n"with, comma"\t"two\nlines"\n'
    assert rows_of(excel, "tsv") == [
        {"a": "no", "b": "quotes"},
        {"a": '"so", said he', "b": "tab\tin"},
        {"a": "with, comma", "b": "two\nlines"},
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('a,b\n1,"th"ree\n', "a:2: has ree behind the closing quote of a cell; write a quote within a quoted cell twice"),
        ('a,b\n1,"open\n2,3\n', "a:2: a quote that is opened here is not closed; close it, or write a quote within a quoted cell twice"),
        (
            'a,b\n1,"open\n2,"shut"\n',
            'a:2: a quote that is opened here is closed on line 3, before shut"; close it here, '
            "or write a quote within a quoted cell twice",
        ),
    ],
)
def test_bad_quotes_are_reported_in_words_of_our_own(content: str, message: str) -> None:
    assert rows_of(content)[0] == message


def test_json_is_an_object_a_line_or_one_array_of_objects() -> None:
    lines = '{"a": 1}\n\n{"a": [2]}\n'
    assert rows_of(lines, "jsonl") == rows_of(lines, "json") == [{"a": 1}, {"a": [2]}]
    array = '\n[\n {"a": 1},\n\n 3, {"a":\n [2]}\n]\n'
    items = items_of(array, "json")
    assert [one.where if isinstance(one, Row) else one.message for one in items if isinstance(one, Row | BadRow)] == [
        "a:3",
        'a:5: expected a JSON object such as {"text": ...}, got 3',
        "a:5",
    ]
    assert rows_of("[]", "json") == []
    assert rows_of('[{"a": 1},\n{"a"', "json")[1].startswith("a:2: is not valid JSON: ")  # type: ignore[attr-defined]
    assert rows_of('[{"a": 1}', "json")[1] == "a:1: the array of this file is not closed by ]; it may not be all there"


def test_a_row_is_read_when_it_is_asked_for_and_not_before() -> None:
    asked: list[str] = []

    def lines(*texts: str) -> Iterator[Line | Pause]:
        for number, text in enumerate(texts, 1):
            asked.append(text)
            yield Line(number, text)
            yield Pause()

    tables = {"csv": ["a,b\n", '1,"x y"\n', "2,y\n"], "tsv": ["a\tb\n", '1\t"x"\n', "2\ty\n"], "jsonl": ['{"a": 1}\n', "{}\n"]}
    for form, texts in tables.items():
        del asked[:]
        seen = [len(asked) for one in read_table("a", lines(*texts), form, ReadSettings()) if not isinstance(one, Pause)]
        assert seen == list(range(1, len(texts) + 1))


def test_bad_rows_are_counted_once_however_often_a_file_is_read() -> None:
    source = Source("a", "a", ".csv", lambda: iter([b"a,b\n1\n2,3\n\xff,4\n"]))
    reading = Reading(refuse, skips=True)
    for _ in range(2):
        assert [list(row.cells) for row in reading.rows(source, ReadSettings())] == [["2", "3"]]
    assert reading.facts() == [("left out", "2 bad rows; the first: a:2: expected 2 columns (a, b), found 1")]
    with pytest.raises(DataError, match=r"^a:2: expected 2 columns \(a, b\), found 1$"):
        list(Reading(refuse).rows(source, ReadSettings()))


CELLS = st.text(alphabet=st.sampled_from('ab,;|"\t\n\r é#'), max_size=6)


QUOTINGS = st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL])


@given(st.lists(st.tuples(CELLS, CELLS, CELLS), max_size=8), st.sampled_from(list(",;|\t")), QUOTINGS)
def test_what_python_writes_is_read_as_python_reads_it(rows: list[tuple[str, str, str]], delimiter: str, quoting: int) -> None:
    file = io.StringIO(newline="")
    csv.writer(file, delimiter=delimiter, lineterminator="\r\n", quoting=quoting).writerows([("x", "y", "z"), *rows])  # type: ignore[arg-type]
    read: Callable[[str], list[object]] = lambda content: [list(one.cells) for one in items_of(content) if isinstance(one, Row)]  # noqa: E731
    assert read(file.getvalue()) == [list(row) for row in rows]
