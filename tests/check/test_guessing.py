"""Tests of charnn.check.guessing."""

from pathlib import Path

import pytest

from charnn.data.settings import PairFiles, ReadSettings
from charnn.errors import DataError
from charnn.tasks.check import Guess, guess_task

pytestmark = pytest.mark.usefixtures("here")

CONLLU = "# text = Dogs bark\n1\tDogs\tdog\tNOUN\t_\t_\t2\tnsubj\t_\t_\n2\tbark\tbark\tVERB\t_\t_\t0\troot\t_\t_\n\n"


def guessed(name: str, content: str | bytes, *given: str) -> Guess:
    Path(name).write_bytes(content.encode() if isinstance(content, str) else content)
    return guess_task(PairFiles([name]), given, ReadSettings())


@pytest.mark.parametrize(
    ("name", "content", "task"),
    [
        ("a.txt", "The sea is wide.\nThe sea is blue.\n", "lm"),
        ("a.txt", "", "lm"),
        ("a.txt", "\n\n", "lm"),
        ("a.txt", "été".encode("utf-16"), "lm"),
        ("a.txt", "one\ttwo\tthree\n", "lm"),
        ("a.csv", "date,passengers\n1949,112\n1950,120\n", "forecaster"),
        ("a.csv", "date,passengers\n1949-01,112\n1949-02,\n", "forecaster"),
        ("a.csv", "date,passengers,place\n1949-01,112,Oslo\n1949-02,118,Rome\n", "forecaster"),
        ("a.csv", "date;sold\n01.02.1949;1.5\n02.02.1949;2\n03.02.1949;7\n", "forecaster"),
        ("a.csv", "date,label\n1949-02,good\n1949-01,7\n", "classifier"),
        ("a.txt", "1\n2.5\n-3e2\n", "forecaster"),
        ("a.txt", "1\n2.5\nthree\n", "lm"),
        ("a.tsv", "1949-01\t112\n1949-02\t118\n", "forecaster"),
        ("a.tsv", "a\t112\nb\t118\n", "translator"),
        ("a.jsonl", '{"day": "2020-01-01", "sold": 3}\n{"day": "2020-01-02", "sold": null}\n', "forecaster"),
        ("a.jsonl", '{"sold": 3}\nno json\n{"sold": 4}\n', "forecaster"),
        ("a.csv", "id,text,airline_sentiment\n1,x,good\n", "classifier"),
        ("a.csv", "review,stars\nx,5\n", "classifier"),
        ("a.tsv", "label\ttext\nx\ty\n", "classifier"),
        ("a.jsonl", '{"text": "x", "label": "y"}\n', "classifier"),
        ("a.jsonl", 'no json\n{"text": "x", "label": "y"}\n', "classifier"),
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
        ("a.csv", "Text;Label\ngood, I say;x\n", "classifier"),
        ("a.csv", "text|label\rgood|x\r", "classifier"),
        ("a.json", '[{"text": "x", "label": "y"}]', "classifier"),
        ("a.tsv", "1\tGo.\t7\tVa !\n2\tRun!\t8\tCours !\n", "translator"),
        ("a.tsv", "src\ttrg\tid\nGo.\tVa !\t1\n", "translator"),
    ],
)
def test_the_task_is_told_by_the_first_lines(name: str, content: str | bytes, task: str) -> None:
    assert guessed(name, content).task == task


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", "date,passengers\n1949,112\n", "divided by commas with the columns date, passengers"),
        ("a.csv", "place;passengers\nOslo;112\nRome;118\n", "divided by ; with the columns place, passengers"),
        ("a.csv", "date,what\n1949-01,rain\n1949-02,snow\n", "divided by commas with the columns date, what"),
        ("a.csv", "text,text\nx,y\n", "divided by commas with the columns text, 2"),
        ("a.jsonl", '{"prompt": "x", "by": {"id": 3}}\n', "with the columns prompt, by.id"),
        ("a.json", '[{"prompt":\n"x"}]', "with the columns prompt"),
    ],
)
def test_a_table_of_which_nothing_tells_the_task_is_no_running_text(name: str, content: str, message: str) -> None:
    with pytest.raises(DataError) as caught:
        guessed(name, content)
    assert str(caught.value) == f"{name}: looks like a table {message}; say what it is for with --task"
    assert guessed(name, content, "text_column") == Guess("lm", "it is a table with a text column, and no label column is given")


def test_a_table_without_a_name_of_one_is_recognised() -> None:
    with pytest.raises(DataError) as caught:
        guessed("a.dat", "".join(f"Oslo|{number} people, more or less\n" for number in range(20)))
    how = "say --input-format csv or tsv; or --task lm, if it is running text"
    assert str(caught.value) == f"a.dat: looks like a table divided by | with the columns Oslo, 0 people, more or less; {how}"


def test_labels_without_a_header_are_told_with_the_options_that_read_them() -> None:
    content = "".join(f"{'ham' if number % 2 else 'spam'}\tGood {number}\n" for number in range(40))
    message = "column 1 seems to contain labels (spam, ham), and no line names the columns; say --text-column 2 --label-column 1"
    for name, form in (("sms.tsv", ""), ("SMS", " --input-format tsv")):
        with pytest.raises(DataError) as caught:
            guessed(name, content)
        assert str(caught.value) == f"{name}: {message}{form}"


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
        ("label_column", Guess("lm", "nothing points to labels, tags, pairs or numbers")),
    ],
)
def test_options_tell_the_task(given: str, guess: Guess) -> None:
    assert guessed("a.txt", "The sea is wide.\n", given) == guess


def test_a_label_column_tells_a_classifier_of_tables() -> None:
    guess = Guess("classifier", "it is a table with a label column")
    assert guessed("a.csv", "words,kind,id\nx,y,1\n", "text_column", "label_column") == guess


def test_files_that_are_parallel_are_for_a_translator() -> None:
    assert guess_task(PairFiles(source=["a"], target=["b"]), [], ReadSettings()) == Guess("translator", "its files are parallel")


def test_a_target_within_a_file_is_for_a_forecaster() -> None:
    guess = Guess("forecaster", "only it has a --target within a file")
    assert guess_task(PairFiles(["a.csv"], target=["sold"]), [], ReadSettings()) == guess


def test_what_tells_a_series_is_said() -> None:
    assert guessed("a.csv", "day,x\n2020-01-01,1\n2020-01-02,2\n") == Guess("forecaster", "it contains times in day and numbers")
    assert guessed("a.txt", "1\n2\n") == Guess("forecaster", "it contains nothing but numbers")


def test_every_built_in_corpus_is_recognised() -> None:
    tasks = {"python-docs": "lm", "python-code": "lm", "sentiment": "classifier", "entities": "tagger", "phrasebook": "translator"}
    tasks["cosine"] = "forecaster"
    assert {name: guess_task(PairFiles([name]), [], ReadSettings()).task for name in tasks} == tasks


def test_a_missing_file_is_told() -> None:
    with pytest.raises(DataError, match=r"^none\.txt: no such file; "):
        guess_task(PairFiles(["none.txt"]), [], ReadSettings())


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
    assert {name: guess_task(PairFiles([real_data / name]), [], ReadSettings()).task for name in tasks} == tasks
