"""`charnn predict` and `charnn evaluate` on classifiers and taggers, from the command line."""

import json
from pathlib import Path

import pytest

from charnn.checkpoint.model import load_model
from charnn.tasks.classifier.report import in_colours, with_numbers
from tests.runs import SENTENCES, TABLE
from tests.tools import charnn

TINY = [
    "--steps",
    "60",
    "--hidden-size",
    "8",
    "--embedding-size",
    "8",
    "--batch-size",
    "8",
    "--validations",
    "2",
    "--quiet",
    "--dropout",
    "0",
]
ROWS = 'id,review,label\r\n1,a fine film,x\r\n2,"I hated\nit",y\r\n'


@pytest.fixture(scope="module")
def labels_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A classifier of a small table."""
    folder = tmp_path_factory.mktemp("labels")
    (folder / "table.tsv").write_text(TABLE)
    result = charnn(
        "train", "classifier", folder / "table.tsv", "--to", folder / "run", *TINY, "--min-count", "1", "--learning-rate", "0.02"
    )
    assert result.exit_code == 0, result.output
    return folder / "run"


@pytest.fixture(scope="module")
def tags_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tagger of small sentences."""
    folder = tmp_path_factory.mktemp("tags")
    (folder / "sentences.conll").write_text(SENTENCES)
    options = ["--min-count", "1", "--learning-rate", "0.05"]
    result = charnn("train", "tagger", folder / "sentences.conll", "--to", folder / "run", *TINY, *options)
    assert result.exit_code == 0, result.output
    return folder / "run"


def test_texts_are_labelled_a_line_each(labels_run: Path) -> None:
    result = charnn("predict", labels_run, "a fine film", "I hated it")
    assert result.exit_code == 0, result.output
    cells = [line.split("\t") for line in result.stdout.splitlines()]
    assert [(one[0], one[2]) for one in cells] == [("good", "a fine film"), ("bad", "I hated it")]
    assert all(0.5 <= float(one[1]) <= 1 for one in cells)


def test_a_table_comes_back_with_its_rows_and_two_columns(labels_run: Path, tmp_path: Path) -> None:
    (tmp_path / "reviews.csv").write_bytes(ROWS.encode())
    result = charnn("predict", labels_run, tmp_path / "reviews.csv", "--text-column", "review")
    assert result.exit_code == 0, result.output
    assert result.stdout_bytes.startswith(b"id,review,label,predicted_label,probability\r\n1,a fine film,x,good,")
    assert b'2,"I hated\nit",y,bad,' in result.stdout_bytes


def test_standard_input_gives_what_a_file_gives(labels_run: Path, tmp_path: Path) -> None:
    lines = "a fine film\n\nno fun\u2028at all\n"
    (tmp_path / "texts.txt").write_text(lines)
    from_file = charnn("predict", labels_run, tmp_path / "texts.txt", "--format", "jsonl")
    from_stdin = charnn("predict", labels_run, "-", "--format", "jsonl", text=lines)
    assert from_file.stdout == from_stdin.stdout
    assert [json.loads(line)["text"] for line in from_file.stdout.split("\n")[:-1]] == ["a fine film", "", "no fun\u2028at all"]


def test_a_bad_row_is_named_and_does_not_stop_the_rest(labels_run: Path, tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text('{"text": "a fine film"}\n{"text": 3}\n{"text": "I hated it"}\n')
    result = charnn("predict", labels_run, tmp_path / "rows.jsonl")
    assert result.exit_code == 1
    assert [json.loads(line)["label"] for line in result.stdout.splitlines()] == ["good", "bad"]
    assert f"{tmp_path / 'rows.jsonl'}:2" in result.stderr
    strict = charnn("predict", labels_run, tmp_path / "rows.jsonl", "--strict")
    assert strict.exit_code == 1
    assert len(strict.stdout.splitlines()) == 1


def test_a_model_that_abstains_gives_no_label(labels_run: Path) -> None:
    result = charnn("predict", labels_run, "a fine film", "--abstain-below", "1", "--format", "jsonl")
    assert json.loads(result.stdout)["label"] is None


def test_an_explanation_has_a_number_for_every_word(labels_run: Path) -> None:
    plain = charnn("predict", labels_run, "I hated it", "--explain")
    assert plain.exit_code == 0, plain.output
    head, words = plain.stdout.removesuffix("\n").split("\t")
    assert head.startswith("bad  0.")
    assert [word.split("(")[0] for word in words.split()] == ["I", "hated", "it"]
    answer = json.loads(charnn("predict", labels_run, "I hated it", "--explain", "--json").stdout)
    assert [word["text"] for word in answer["words"]] == ["I", "hated", "it"]


def test_colours_stand_behind_the_words_that_matter() -> None:
    words = [{"text": "so", "begin": 0, "end": 2, "nats": 0.01}, {"text": "bad", "begin": 3, "end": 6, "nats": 2.0}]
    answer = {"label": "no", "probability": 0.9, "words": words}
    assert in_colours("so bad", answer).split("\n")[1].endswith("so bad")
    assert with_numbers("so bad", answer) == "no  0.9000\tso(+0.01) bad(+2.00)"


def test_spans_are_marked_in_the_text(tags_run: Path) -> None:
    result = charnn("predict", tags_run, "Ann went to New York.")
    assert result.stdout == "[Ann]person went to [New York]place.\n"
    answer = json.loads(charnn("predict", tags_run, "Ann went to Rio.", "--format", "jsonl").stdout)
    assert [(one["text"], one["type"], one["begin"], one["end"]) for one in answer["spans"]] == [
        ("Ann", "person", 0, 3),
        ("Rio", "place", 12, 15),
    ]


def test_divided_sentences_come_back_as_conll(tags_run: Path) -> None:
    result = charnn("predict", tags_run, "--tokens", "-", text="Ann\nwent\nto\nRio\n.\n\nBob\nLee\n\n")
    assert result.stdout.startswith("Ann\tB-person\nwent\tO\nto\tO\nRio\tB-place\n.\tO\n\nBob\tB-person\nLee\tI-person\n\n")


def test_evaluating_a_classifier_shows_every_model_and_label(labels_run: Path, tmp_path: Path) -> None:
    (tmp_path / "test.tsv").write_text(TABLE)
    result = charnn("evaluate", labels_run, tmp_path / "test.tsv")
    assert result.exit_code == 0, result.output
    firsts = [line.split("  ")[0] for line in result.stdout.splitlines()]
    assert [one for one in firsts if one][:3] == ["network", "baseline", "blend"]
    assert "true \\ found" in result.stdout
    found = json.loads(charnn("evaluate", labels_run, tmp_path / "test.tsv", "--json", "--abstain-below", "0.6").stdout)
    keys = {"task", "model", "data", "examples", "seconds", "accuracy", "macro_f1", "ece", "labels", "confusion", "intervals", "coverage"}
    assert keys <= found.keys()
    assert found["task"] == "classifier"
    assert found["blend"]["accuracy"] == found["accuracy"]


def test_evaluating_a_tagger_shows_spans_and_types(tags_run: Path, tmp_path: Path) -> None:
    (tmp_path / "test.conll").write_text(SENTENCES)
    result = charnn("evaluate", tags_run, tmp_path / "test.conll")
    assert result.exit_code == 0, result.output
    assert result.stdout.split()[:4] == ["span", "f1", "span", "precision"]
    found = json.loads(charnn("evaluate", tags_run, tmp_path / "test.conll", "--json").stdout)
    assert {"span_f1", "token_accuracy", "per_type", "per_label", "intervals"} <= found.keys()


@pytest.mark.parametrize(
    ("run", "options", "said"),
    [
        ("labels_run", ["predict", "--top", "3", "text"], "--top has no effect on a classifier; leave it out"),
        ("labels_run", ["predict", "--json", "--format", "csv", "a"], "--json contradicts --format csv; leave one out"),
        ("labels_run", ["predict", "--tokens", "text"], "--tokens has no effect on a classifier; leave it out"),
        ("tags_run", ["predict", "--explain", "text"], "--explain has no effect on a tagger; leave it out"),
        ("tags_run", ["evaluate", "--window", "9", "text"], "--window has no effect on a tagger; leave it out"),
        ("labels_run", ["evaluate", "--tail", "0.1", "text"], "--tail has no effect on a classifier; leave it out"),
        (
            "labels_run",
            ["predict", "--explain", "--abstain-below", "0.5", "a"],
            "--abstain-below cannot be combined with --explain; leave one out",
        ),
        (
            "tags_run",
            ["predict", "--tokens", "--format", "csv", "-"],
            "--format cannot be combined with --tokens, which reads and writes CoNLL",
        ),
        ("tags_run", ["predict", "--tokens", "--strict", "-"], "--strict cannot be combined with --tokens, which reads and writes CoNLL"),
    ],
)
def test_a_flag_without_effect_is_refused(run: str, options: list[str], said: str, request: pytest.FixtureRequest) -> None:
    verb, *others = options
    result = charnn(verb, request.getfixturevalue(run), *others)
    assert result.exit_code == 2
    assert result.stderr.endswith(f"Error: {said}.\n")


def test_a_classifier_writes_nothing_and_a_language_model_is_asked_for(labels_run: Path) -> None:
    result = charnn("sample", labels_run)
    assert result.exit_code == 4
    assert result.stderr == f"Error: {labels_run} is a classifier, and this needs a lm; name another model.\n"


def test_without_data_an_evaluation_gives_the_validation_part_of_the_training(labels_run: Path) -> None:
    shown = charnn("evaluate", labels_run).stdout
    assert shown.startswith("data: the validation part, at the end of training\n\n")
    found = json.loads(charnn("evaluate", labels_run, "--json").stdout)
    assert found["data"] == ["the validation part, at the end of training"]
    saved = load_model(labels_run).metrics["valid"]
    assert found["accuracy"] == saved.get("blend", saved["network"])["accuracy"]
    result = charnn("evaluate", labels_run, "--abstain-below", "0.9")
    assert result.exit_code == 2
    assert result.stderr == "Error: --abstain-below has no effect without data; name some.\n"


def test_a_tokenizer_that_ignores_the_defaults_of_words_is_no_contradiction(tmp_path: Path) -> None:
    """`--tokenizer subword` alone was refused: min_count, which is 2 for words, has no effect on subwords."""
    (tmp_path / "table.tsv").write_text(TABLE)
    options = ["--tokenizer", "subword", *TINY[:-2], "--steps", "2"]
    assert charnn("train", "classifier", tmp_path / "table.tsv", "--to", tmp_path / "run", *options).exit_code == 0
    result = charnn("train", "classifier", tmp_path / "table.tsv", "--to", tmp_path / "other", *options, "--min-count", "2")
    assert result.exit_code == 2
    assert "--min-count has no effect on the tokenizer subword; leave it out" in result.stderr


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--init-from", "x", "--hidden-size", "8"], "--hidden-size comes from the language model of --init-from; leave it out"),
        (["--init-from", "x", "--layer-norm"], "--layer-norm comes from the language model of --init-from; leave it out"),
        (["--character-size", "9"], "--character-size has no effect without --word-characters; leave it out"),
        (["--unfreeze", "0.2"], "--unfreeze has no effect without --init-from; leave it out or name a language model"),
        (["--word-characters", "--tokenizer", "char"], "--word-characters needs the tokenizer word, and this one is char"),
    ],
)
def test_contradictory_training_options_are_refused(options: list[str], said: str, tmp_path: Path) -> None:
    (tmp_path / "table.tsv").write_text(TABLE)
    result = charnn("train", "classifier", tmp_path / "table.tsv", "--to", tmp_path / "run", *options)
    assert result.exit_code == 2
    assert said in result.stderr
    assert not (tmp_path / "run").exists()
