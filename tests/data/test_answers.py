"""Tests of charnn.data.answers: tables and lines read, answered and written again."""

import csv
import io
import json
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from charnn.data.answers import WRITERS, Answer
from charnn.data.rows import InputRow, Item
from charnn.data.tables.records import Header
from charnn.errors import DataError
from tests.data.test_rows import items_of, write

pytestmark = pytest.mark.usefixtures("here")


def written(form: str, items: Iterable[Item], answers: Iterable[Answer]) -> str:
    """What a writer makes of rows and answers."""
    writer, left, out = WRITERS[form](None), iter(answers), []
    for item in items:
        if isinstance(item, Header):
            writer.begin(item)
        elif isinstance(item, InputRow):
            writer.check(item)
            out.append(writer.write(item, next(left)))
    return "".join(out) + writer.end(lambda: GOOD)


GOOD = {"label": "good", "probability": 0.87654321}
BAD = {"label": "bad", "probability": 1e-9}


def test_a_csv_comes_back_with_two_columns_more() -> None:
    content = 'n,text\r\n1,"a ""b"",\r\nc"\r\n" 2",\r\n'
    assert written("csv", items_of(write("a.csv", content)), [GOOD, BAD]) == (
        'n,text,label,probability\r\n1,"a ""b"",\r\nc",good,0.876543\r\n 2,,bad,1e-09\r\n'
    )


def test_a_tsv_comes_back_with_two_columns_more() -> None:
    answers = [{"label": "a\tb\r\nc", "n": 1.0}, {"label": None, "n": True}]
    assert written("tsv", items_of(write("a.tsv", 'n\ttext\n1\t"a\n2\tb c\n')), answers) == (
        'n\ttext\tlabel\tpredicted_n\n1\t"a\ta b c\t1\n2\tb c\t\ttrue\n'
    )


def test_jsonl_comes_back_with_two_keys_more() -> None:
    content = '{"text": "é\\u2028", "n": 0.12345678901, "half": "\\ud83d"}\n{"text": "b"}\n'
    assert written("jsonl", items_of(write("a.jsonl", content)), [GOOD, {"spans": [{"start": 0.1234567}]}]) == (
        '{"text": "\\u00e9\\u2028", "n": 0.12345678901, "half": "\\ud83d", "label": "good", "probability": 0.876543}\n'
        '{"text": "b", "spans": [{"start": 0.123457}]}\n'
    )


def test_lines_come_back_behind_their_answers() -> None:
    items = items_of("a\tb\r\nc\nd", write("a", "\u2028é\n\n"))
    assert written("text", items, [GOOD, BAD, {"spans": [1], **GOOD}]) == (
        "good\t0.876543\ta\tb c d\nbad\t1e-09\t\u2028é\ngood\t0.876543\t\n"
    )


def test_lines_as_tables_have_a_text_column() -> None:
    items = items_of(write("a", "one\n\n"))
    assert written("csv", items, [GOOD, {"label": "a", "probability": [1, "é"]}]) == (
        'text,label,probability\none,good,0.876543\n,a,"[1, ""é""]"\n'
    )
    assert written("jsonl", items, [BAD, BAD]) == (
        '{"text": "one", "label": "bad", "probability": 0.0}\n{"text": "", "label": "bad", "probability": 0.0}\n'
    )


def test_a_name_that_the_input_has_gets_a_prefix() -> None:
    table = "text,label,predicted_label\na,x,y\n"
    assert written("csv", items_of(write("a.csv", table)), [GOOD]).split("\n")[:2] == [
        "text,label,predicted_label,predicted_predicted_label,probability",
        "a,x,y,good,0.876543",
    ]
    objects = '{"text": "a"}\n{"text": "b", "label": 1}\n{"text": "c"}\n'
    lines = written("jsonl", items_of(write("a.jsonl", objects)), [GOOD, GOOD, GOOD]).splitlines()
    assert [list(json.loads(line)) for line in lines] == [
        ["text", "label", "probability"],
        ["text", "label", "predicted_label", "probability"],
        ["text", "predicted_label", "probability"],
    ]


def test_a_table_without_rows_still_gets_its_header() -> None:
    assert written("csv", items_of(write("a.csv", "n,text\n")), []) == "n,text,label,probability\n"
    assert written("csv", items_of(write("b.csv", "")), []) == ""


def test_jsonl_as_a_table_has_the_columns_of_its_first_row() -> None:
    items = items_of(write("a.jsonl", '{"text": "a", "n": 1.5}\n{"n": null, "text": "b"}\n{"text": "c", "n": [true]}\n'))
    assert written("csv", items, [GOOD] * 3) == (
        "text,n,label,probability\na,1.5,good,0.876543\nb,,good,0.876543\nc,[true],good,0.876543\n"
    )
    other = items_of(write("b.jsonl", '{"text": "a"}\n{"text": "b", "m": 1}\n'))
    with pytest.raises(DataError) as caught:
        written("tsv", other, [GOOD] * 2)
    assert str(caught.value) == "b.jsonl:2: has m, which the rows before it do not have; say --format jsonl"


def test_tables_with_other_columns_do_not_become_one() -> None:
    items = items_of(write("a.csv", "text,n\na,1\n"), write("b.csv", "n,text\n1,b\n"))
    with pytest.raises(DataError) as caught:
        written("csv", items, [GOOD] * 2)
    assert str(caught.value) == "b.csv:1: has the columns n, text, and the input before it text, n; predict them apart or as jsonl"


CELLS = st.text(alphabet=st.sampled_from('ab,";\t\n\r é\x85\u2028'), max_size=8)


@given(st.lists(st.tuples(CELLS, CELLS), max_size=5), st.sampled_from(["\n", "\r\n"]))
def test_any_csv_comes_back_as_it_was(tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str]], line_end: str) -> None:
    path = tmp_path_factory.getbasetemp() / "any.csv"
    table = io.StringIO(newline="")
    csv.writer(table, lineterminator="\r\n", quoting=csv.QUOTE_ALL).writerows(rows)
    path.write_bytes(f"n,text{line_end}{table.getvalue()}".encode())
    out = written("csv", items_of(str(path)), [GOOD] * len(rows))
    back = list(csv.reader(io.StringIO(out, newline="")))
    assert back == [["n", "text", "label", "probability"], *([*row, "good", "0.876543"] for row in rows)]
    assert out.endswith(line_end)
