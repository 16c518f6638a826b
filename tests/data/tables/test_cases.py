"""Tables that people have, and that were hard to read once: each is read as it comes."""

from pathlib import Path

import pytest

from charnn.data.conll import TaggedData
from charnn.data.corpus import Corpus
from charnn.data.labelled import LabelledData
from charnn.data.pairs import PairData
from charnn.data.settings import LabelledSettings, PairFiles, PairSettings
from charnn.errors import DataError


@pytest.mark.parametrize(
    ("name", "values", "columns", "first"),
    [
        ("excel_eu.csv", {}, "Text, Label, divided by ;", ("Friendly staff and quick service, for two hours 45\nzweite Zeile", "pos")),
        ("excel_sep.csv", {}, "text, label, divided by ;", ("Friendly staff and quick service, for two hours 45", "pos")),
        ("pipe.csv", {}, "text, label, divided by |", ("Friendly staff and quick service, for two hours 45", "pos")),
        ("spaces_after2.csv", {}, "text, label, divided by commas", ("Friendly staff and quick service, for two hours 45", "pos")),
        (
            "spam.csv",
            {"text_column": "v2", "label_column": "v1", "encoding": "cp1252"},
            "v2, v1, divided by commas",
            ("Friendly staff and quick service, for two hours 45 £5", "ham"),
        ),
        (
            "SMSSpamCollection",
            {"text_column": "2", "label_column": "1", "input_format": "tsv"},
            "2, 1 of 2 without a header line, divided by tabs",
            ('Friendly staff and quick service, for two hours 45 "quoted', "ham"),
        ),
    ],
)
def test_labelled_tables(cases: Path, name: str, values: dict[str, str], columns: str, first: tuple[str, str]) -> None:
    data = LabelledData([cases / "tables" / name], LabelledSettings(**values))  # type: ignore[arg-type]
    examples = list(data.examples())
    assert (examples[0].text, examples[0].label) == first
    assert len(examples) >= 40
    assert {one.label for one in examples} in ({"pos", "neg"}, {"ham", "spam"})
    assert data.reading.facts() == [("columns", columns)]


@pytest.mark.parametrize(
    ("name", "values", "columns", "first"),
    [
        (
            "tatoeba.tsv",
            {},
            "2, 4 of 4 without a header line, divided by tabs",
            ("The cat sleeps on the roof.", "Le chat dort sur le toit."),
        ),
        (
            "hf.jsonl",
            {"source_column": "translation.en", "target_column": "translation.fr"},
            "translation.en, translation.fr",
            ("the cat sleeps on the roof.", "le chat dort sur le toit."),
        ),
        (
            "pairs_excel.tsv",
            {},
            "source, target, divided by tabs",
            ('"the cat sleeps on the roof.", said he', '"le chat dort sur le toit.", dit-il'),
        ),
    ],
)
def test_tables_of_pairs(cases: Path, name: str, values: dict[str, str], columns: str, first: tuple[str, str]) -> None:
    data = PairData(PairFiles([cases / "formats" / name]), PairSettings(**values))  # type: ignore[arg-type]
    pairs = list(data.pairs())
    assert (pairs[0].source, pairs[0].target) == first
    assert len(pairs) >= 20
    assert data.reading.facts() == [("columns", columns)]


def test_what_is_no_file_for_a_task_ends_in_one_sentence(cases: Path) -> None:
    place = cases / "formats" / "ner_dataset.csv"
    rule = "a token and its tag a line, divided by a tab or blanks, a blank line between sentences"
    with pytest.raises(DataError) as caught:
        list(TaggedData([place]).sentences())
    assert str(caught.value) == f"{place}: is a CSV table, and a tagger reads CoNLL: {rule}; write it so"
    place = cases / "formats" / "hf.jsonl"
    with pytest.raises(DataError) as caught:
        list(PairData(PairFiles([place])).pairs())
    asked = "which columns hold the source and the target? say --source-column and --target-column"
    assert str(caught.value) == f"{place}:1: {asked}; there are translation.en, translation.fr"
    place = cases / "small" / "ft_comma.txt"
    with pytest.raises(DataError) as caught:
        list(LabelledData([place]).examples())
    assert str(caught.value) == f"{place}:1: has a comma in its label 'pos,Friendly'; put a blank between '__label__pos' and the text"
    place = cases / "packed" / "plain.zip"
    with pytest.raises(DataError) as caught:
        list(Corpus([place]).chunks())
    assert str(caught.value) == f"{place}: is a zip archive; unpack it first"


def test_a_table_read_as_running_text_is_reported(cases: Path) -> None:
    corpus = Corpus([cases / "tables" / "pipe.csv"])
    warning = f"{cases / 'tables' / 'pipe.csv'} is a table, read as it is; to train on a column of it say --text-column"
    assert corpus.facts() == [("warning", warning)]
