"""Tests of charnn.check.guessing."""

from pathlib import Path

import pytest

from charnn.check.guessing import Guess, guess_task
from charnn.data.pairs import PairFiles
from charnn.errors import DataError

CONLLU = "# text = Dogs bark\n1\tDogs\tdog\tNOUN\t_\t_\t2\tnsubj\t_\t_\n2\tbark\tbark\tVERB\t_\t_\t0\troot\t_\t_\n\n"


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def guessed(name: str, content: str | bytes, *given: str) -> Guess:
    Path(name).write_bytes(content.encode() if isinstance(content, str) else content)
    return guess_task(PairFiles([name]), given, "utf-8")


@pytest.mark.parametrize(
    ("name", "content", "task"),
    [
        ("a.txt", "The sea is wide.\nThe sea is blue.\n", "lm"),
        ("a.txt", "", "lm"),
        ("a.txt", "\n\n", "lm"),
        ("a.txt", "été".encode("utf-16"), "lm"),
        ("a.txt", "one\ttwo\tthree\n", "lm"),
        ("a.csv", "date,passengers\n1949,112\n", "lm"),
        ("a.csv", "date,passengers\n1949,112\n1950,120\n", "forecaster"),
        ("a.csv", "date,passengers\n1949-01,112\n1949-02,\n", "forecaster"),
        ("a.csv", "date,passengers,place\n1949-01,112,Oslo\n1949-02,118,Rome\n", "forecaster"),
        ("a.csv", "date;sold\n01.02.1949;1.5\n02.02.1949;2\n03.02.1949;7\n", "forecaster"),
        ("a.csv", "place,passengers\nOslo,112\nRome,118\n", "lm"),
        ("a.csv", "date,what\n1949-01,rain\n1949-02,snow\n", "lm"),
        ("a.csv", "date,label\n1949-02,good\n1949-01,7\n", "classifier"),
        ("a.txt", "1\n2.5\n-3e2\n", "forecaster"),
        ("a.txt", "1\n2.5\nthree\n", "lm"),
        ("a.tsv", "1949-01\t112\n1949-02\t118\n", "forecaster"),
        ("a.tsv", "a\t112\nb\t118\n", "translator"),
        ("a.jsonl", '{"day": "2020-01-01", "sold": 3}\n{"day": "2020-01-02", "sold": null}\n', "forecaster"),
        ("a.jsonl", "{}\n{}\n", "lm"),
        ("a.jsonl", '{"sold": 3}\nno json\n{"sold": 4}\n', "forecaster"),
        ("a.csv", "text,text\nx,y\n", "lm"),
        ("a.csv", "id,text,airline_sentiment\n1,x,good\n", "classifier"),
        ("a.csv", "review,stars\nx,5\n", "classifier"),
        ("a.tsv", "label\ttext\nx\ty\n", "classifier"),
        ("a.jsonl", '{"text": "x", "label": "y"}\n', "classifier"),
        ("a.jsonl", 'no json\n{"text": "x", "label": "y"}\n', "classifier"),
        ("a.jsonl", '{"prompt": "x"}\n', "lm"),
        ("a.txt", "__label__x a text\n__label__y another\n", "classifier"),
        ("a.conll", "", "tagger"),
        ("a.txt", CONLLU, "tagger"),
        ("a.txt", "Dogs\tNOUN\nbark\tVERB\n\nCats\tNOUN\npurr\tVERB\n", "tagger"),
        ("a.txt", "-DOCSTART- -X- O O\n\nEU NNP B-NP B-ORG\nrejects VBZ B-VP O\n", "tagger"),
        ("a.txt", "one two\nthree four\n", "lm"),
        ("a.tsv", "Go.\tVa !\nRun!\tCours !\n", "translator"),
        ("a.txt", "Go on.\tVa !\r\nRun on!\tCours !\r\n", "translator"),
        ("a.tsv", "Go.\tVa !\nHi.\nRun!\tCours !\n", "translator"),
        ("a.csv", "source,target\nGo.,Va !\n", "translator"),
        ("a.tsv", "src\ttrg\tid\nGo.\tVa !\t1\n", "translator"),
    ],
)
def test_the_task_is_told_by_the_first_lines(name: str, content: str | bytes, task: str) -> None:
    assert guessed(name, content).task == task


def test_a_line_that_is_not_all_read_tells_nothing() -> None:
    assert guessed("a.txt", "Go.\tVa !\n" + "x" * 3_000_000).task == "translator"


@pytest.mark.parametrize(
    ("given", "guess"),
    [
        ("tag_column", Guess("tagger", "only it has --tag-column")),
        ("source_column", Guess("translator", "only it has --source-column")),
        ("documents", Guess("lm", "only it has --documents")),
        ("time_column", Guess("forecaster", "only it has --time-column")),
        ("inputs", Guess("forecaster", "only it has --inputs")),
        ("label_column", Guess("lm", "nothing tells of labels, tags, pairs or numbers")),
    ],
)
def test_options_tell_the_task(given: str, guess: Guess) -> None:
    assert guessed("a.txt", "The sea is wide.\n", given) == guess


def test_a_label_column_tells_a_classifier_of_tables() -> None:
    guess = Guess("classifier", "it is a table with a label column")
    assert guessed("a.csv", "words,kind,id\nx,y,1\n", "text_column", "label_column") == guess


def test_files_that_are_parallel_are_for_a_translator() -> None:
    assert guess_task(PairFiles(source=["a"], target=["b"]), [], "utf-8") == Guess("translator", "its files are parallel")


def test_a_target_within_a_file_is_for_a_forecaster() -> None:
    assert guess_task(PairFiles(["a.csv"], target=["sold"]), [], "utf-8") == Guess("forecaster", "only it has a --target within a file")


def test_what_tells_a_series_is_said() -> None:
    assert guessed("a.csv", "day,x\n2020-01-01,1\n2020-01-02,2\n") == Guess("forecaster", "it holds times in day and numbers")
    assert guessed("a.txt", "1\n2\n") == Guess("forecaster", "it holds nothing but numbers")


def test_every_built_in_corpus_is_recognised() -> None:
    tasks = {"python-docs": "lm", "python-code": "lm", "sentiment": "classifier", "entities": "tagger", "phrasebook": "translator"}
    tasks["cosine"] = "forecaster"
    assert {name: guess_task(PairFiles([name]), [], "utf-8").task for name in tasks} == tasks


def test_a_missing_file_is_told() -> None:
    with pytest.raises(DataError, match=r"^none\.txt: no such file; "):
        guess_task(PairFiles(["none.txt"]), [], "utf-8")


def test_real_corpora(real_data: Path) -> None:
    tasks = {
        "airline/Tweets.csv": "classifier",
        "sst2/train_phrases.tsv.gz": "classifier",
        "ptb/ptb.valid.txt": "lm",
        "nottingham/valid.abc": "lm",
        "wnut17/train.conll": "tagger",
        "ud-english-ewt/en_ewt-ud-dev.conllu.gz": "tagger",
        "eng-fra/valid.tsv": "translator",
        "timeseries/AirPassengers.csv": "forecaster",
        "timeseries/monthly-sunspots.csv": "forecaster",
        "timeseries/ETTh1.csv": "forecaster",
    }
    assert {name: guess_task(PairFiles([real_data / name]), [], "utf-8").task for name in tasks} == tasks
