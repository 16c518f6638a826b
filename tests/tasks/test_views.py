"""What a model gets most wrong: held against its own losses, one by one; the command as a user has it."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from charnn.cli.main import main
from charnn.metrics.classification import calibration_error
from charnn.tasks.load import load
from charnn.tasks.registry import TASKS
from charnn.tasks.views import Worst
from tests.runs import SERIES, forecaster_run, trained, translator_run
from tests.tools import charnn

TINY = ["--steps", "30", "--hidden-size", "16", "--window", "16", "--batch-size", "4", "--validations", "2", "--quiet"]
VERSE = "The sea is wide, the sea is blue,\nthe sea has room for me and you.\n"


@pytest.fixture(scope="module")
def verse(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("verse")
    (folder / "text.txt").write_text(VERSE * 30)
    assert charnn("train", "lm", folder / "text.txt", "--to", folder / "run", *TINY).exit_code == 0
    (folder / "other.txt").write_text("the sea\nis Zide\nthe sea is blue\n")
    return folder


@pytest.fixture(scope="module")
def names(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("names")
    (folder / "names.csv").write_text("name,kind\n" + "ann,short\n\ntheodora,long\n" * 20)
    options = ["--text-column", "name", "--label-column", "kind"]
    assert charnn("train", "lm", folder / "names.csv", *options, "--to", folder / "run", *TINY).exit_code == 0
    return folder


@pytest.fixture(scope="module")
def translator(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("translator")
    trained(translator_run(folder, steps=60))
    return folder


@pytest.fixture(scope="module")
def forecaster(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("forecaster")
    trained(forecaster_run(folder))
    return folder


@settings(deadline=None)
@given(st.lists(st.floats(0, 10)), st.integers(0, 5))
def test_the_worst_are_kept_whatever_the_order(losses: list[float], count: int) -> None:
    worst = Worst(count)
    for number, loss in enumerate(losses):
        worst.keep(loss, number, {"number": number})
        worst.add("ab"[number % 2], loss)
    expected = sorted(range(len(losses)), key=lambda number: (-losses[number], number))[:count]
    assert [one["number"] for one in worst.worst] == expected
    names = worst.by_name()
    assert sum(one["count"] for one in names) == worst.seen == len(losses)
    assert sum(one["share"] for one in names) == pytest.approx(1 if sum(losses) else 0)
    assert sum(one["nats"] * one["count"] for one in names) == pytest.approx(sum(losses))


def step_by_step(folder: Path, text: str) -> list[tuple[float, str, list[str]]]:
    """For each character its nats and the likeliest three, from a state that is carried one token at a time."""
    model = load(folder / "run")
    network, state, before, found = model.network, None, int(model.tokenizer.encode("\n")[0]), []
    network.eval()
    with torch.no_grad():
        for character in text:
            target = int(model.tokenizer.encode(character)[0])
            hidden, state = network(torch.tensor([[before]]), state)
            logs = torch.log_softmax(network.logits(hidden)[0, 0].double(), -1)
            likeliest = [model.tokenizer.symbol(id) for id in logs.topk(3).indices.tolist()]
            found.append((-float(logs[target]), model.tokenizer.symbol(target), likeliest))
            before = target
    return found


def test_the_symbols_of_a_text_are_those_that_cost_most_read_one_by_one(verse: Path) -> None:
    text = (verse / "other.txt").read_text()
    expected = step_by_step(verse, text)
    found = load(verse / "run").errors([str(verse / "other.txt")], 5)
    order = sorted(range(len(text)), key=lambda place: -expected[place][0])[:5]
    assert [one["place"] for one in found.worst] == order
    for one in found.worst:
        nats, symbol, likeliest = expected[one["place"]]
        assert (one["nats"], one["symbol"]) == (pytest.approx(nats, abs=1e-4), text[one["place"]])
        assert symbol == ("<unk>" if one["symbol"] == "Z" else one["symbol"])
        assert [guess["symbol"] for guess in one["expected"]] == likeliest
        whole = one["before"] + text[one["place"]] + one["after"]
        assert whole in text
        assert one["where"] == f"{verse / 'other.txt'}:{text[: one['place']].count(chr(10)) + 1}"
    assert found.seen == len(text)
    assert found.total == pytest.approx(sum(nats for nats, _, _ in expected), abs=1e-3)
    (costs,) = [one for one in found.by_name() if one["name"] == "s"]
    assert (costs["count"], costs["nats"]) == (text.count("s"), pytest.approx(np.mean([n for n, c, _ in expected if c == "s"]), abs=1e-4))


def test_the_loss_is_that_of_evaluate_and_a_tail_is_found_at_its_lines(verse: Path) -> None:
    model, file = load(verse / "run"), str(verse / "text.txt")
    found = model.errors([file], 3, tail=0.1)
    assert found.total / found.seen == pytest.approx(model.evaluate([file], tail=0.1)["nats_per_token"], abs=1e-6)
    text = VERSE * 30
    begin = int(len(text) * 0.9)
    for one in found.worst:
        assert one["where"] == f"{file}:{text[: begin + one['place']].count(chr(10)) + 1}"
        assert text[begin + one["place"]] == one["symbol"]


def test_a_text_read_as_many_streams_has_the_same_places_and_losses(verse: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model, file = load(verse / "run"), str(verse / "text.txt")
    whole = model.errors([file], 2040)
    monkeypatch.setattr("charnn.tasks.lm.evaluation.STREAMED_LEAST", 300)
    parts = model.errors([file], 2040)
    losses = [{one["place"]: one["nats"] for one in found.worst} for found in (whole, parts)]
    assert losses[0].keys() == losses[1].keys() == set(range(len(VERSE * 30)))
    assert max(abs(losses[0][place] - losses[1][place]) for place in losses[0]) < 1e-3


def test_documents_are_told_apart_and_named_by_row(names: Path) -> None:
    found = load(names / "run").errors([str(names / "names.csv")], 500)
    assert found.seen == 20 * (len("ann") + 1 + len("theodora") + 1)
    rows = (names / "names.csv").read_text().split("\n")
    ends = [one for one in found.worst if one["symbol"] == "<end>"]
    assert len(ends) == 40
    for one in ends:
        line = int(one["where"].rpartition(":")[2])
        assert rows[line - 1].split(",")[0] == one["before"]
        assert one["after"] == ""


def test_the_texts_of_a_classifier_are_sorted_by_the_loss_of_their_label(classifier: Path) -> None:
    model, file = load(classifier / "run"), classifier / "table.tsv"
    found = model.errors([str(file)], 7)
    rows = [line.split("\t") for line in file.read_text().splitlines()[1:]]
    logs = model.log_probabilities([text for _, text in rows])
    losses = [-float(row[model.labels.index(label)]) for (label, _), row in zip(rows, logs, strict=True)]
    order = sorted(range(len(rows)), key=lambda number: (-losses[number], number))[:7]
    assert [one["where"] for one in found.worst] == [f"{file}:{number + 2}" for number in order]
    assert [(one["true"], one["text"]) for one in found.worst] == [tuple(rows[number]) for number in order]
    assert [one["nats"] for one in found.worst] == pytest.approx([losses[number] for number in order])
    assert [one["probability"] for one in found.worst] == pytest.approx([math.exp(logs[number].max()) for number in order])
    assert found.total == pytest.approx(sum(losses))


@pytest.mark.parametrize("task", TASKS)
def test_json_has_its_keys_and_the_table_a_row_for_each(task: str, request: pytest.FixtureRequest) -> None:
    folder, data, keys = {
        "lm": ("verse", "other.txt", ["nats", "place", "before", "symbol", "after", "expected", "where"]),
        "classifier": ("classifier", "table.tsv", ["nats", "true", "found", "probability", "where", "text"]),
        "tagger": ("tagger", "sentences.conll", ["nats", "true", "found", "probability", "where", "number", "before", "token", "after"]),
        "translator": ("translator", "pairs.tsv", ["nats", "tokens", "source", "reference", "where", "translation", "chrf"]),
        "forecaster": ("forecaster", "series.csv", ["deviations", "column", "true", "expected", "before", "time", "where"]),
    }[task]
    place = request.getfixturevalue(folder)
    asked = ["inspect", "errors", place / "run", place / data, "--top", "3"]
    found = json.loads(charnn(*asked, "--json").stdout)
    assert list(found) == ["task", "model", "data", "examples", keys[0], "worst", "costs"]
    assert [list(one) for one in found["worst"]] == [keys] * 3
    shown = charnn(*asked)
    assert (shown.exit_code, shown.stderr) == (0, "")
    head = shown.stdout.split("\n\n")[0].rstrip("\n").split("\n")
    assert len(head) == (12 if task == "translator" else 4)


def test_a_symbol_is_shown_in_its_context_with_what_was_expected(verse: Path) -> None:
    found = json.loads(charnn("inspect", "errors", verse / "run", verse / "other.txt", "--top", "1", "--json").stdout)["worst"][0]
    shown = charnn("inspect", "errors", verse / "run", verse / "other.txt", "--top", "1").stdout.split("\n")
    assert shown[0].split() == ["nats", "probability", "in", "context", "expected", "where"]
    first = found["expected"][0]
    assert f"{found['nats']:.2f}" in shown[1]
    assert f"{first['probability']:.0%}" in shown[1]
    assert shown[1].endswith(found["where"])
    assert "»" in shown[1] and "«" in shown[1]  # noqa: PT018 (one law)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], "name the data to look for the errors of this lm in."),
        (["other.txt", "--tag-column", "2"], "--tag-column has no effect on a lm; leave it out."),
        (["none.txt"], "none.txt: no such file; give a file, a folder, - for standard input, or a built-in corpus: python-docs, "),
    ],
)
def test_what_cannot_be_looked_at_is_one_sentence(verse: Path, options: list[str], said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(verse)
    result = charnn("inspect", "errors", "run", *options)
    assert (result.exit_code != 0, result.stdout) == (True, "")
    assert f"Error: {said}" in result.stderr


def test_a_forecasters_mistakes_are_the_values_furthest_from_what_was_expected(tmp_path: Path) -> None:
    lines = SERIES.split("\n")
    lines[100] = f"{lines[100].split(',')[0]},999,1"  # the row of index 99
    run = trained(forecaster_run(tmp_path, 20, "\n".join(lines)))
    model = load(tmp_path / "run")
    found = model.errors([str(tmp_path / "series.csv")], 3)
    first = next(one for one in found.worst[:2] if one["true"] == 999)  # what came after it was as unexpected
    assert (first["true"], first["time"], first["where"]) == (999, "2009-04", f"{tmp_path / 'series.csv'}:101")
    assert first["before"] == run.model.data.series.values[98, 0]
    known = run.model.data.series.first(99)
    assert first["expected"] == pytest.approx(run.model.stream(known).forecast(1).values[0, 0])
    assert [one["deviations"] for one in found.worst] == sorted((one["deviations"] for one in found.worst), reverse=True)
    assert found.seen == 120 - 24
    shown = CliRunner().invoke(main, ["inspect", "errors", str(tmp_path / "run"), str(tmp_path / "series.csv"), "--top", "2"])
    assert shown.exit_code == 0, shown.stderr
    assert shown.stdout.split("\n")[0].split() == ["deviations", "came", "expected", "before", "it", "column", "time", "where"]
    assert "999" in [line.split()[1] for line in shown.stdout.split("\n")[1:3]]


def test_the_confusion_and_calibration_of_a_classifier_are_those_of_its_evaluation(classifier: Path) -> None:
    model = load(classifier / "run")
    found, expected = model.predictions([str(classifier / "table.tsv")]), model.evaluate([classifier / "table.tsv"])
    assert found.confusion.tolist() == expected["confusion"]
    assert calibration_error(found.confidence, found.is_right) == pytest.approx(expected["ece"])
    assert found.is_right.mean() == pytest.approx(expected["accuracy"])


def test_the_spans_of_a_tagger_are_counted_by_type_and_tokens_by_tag(tagger: Path) -> None:
    model = load(tagger / "run")
    found, expected = model.predictions([str(tagger / "sentences.conll")]), model.evaluate([tagger / "sentences.conll"])
    assert list(found.labels) == ["person", "place", "O"]
    lines = [line.split("\t")[1] for line in (tagger / "sentences.conll").read_text().splitlines() if line]
    kinds = [lines.count(f"B-{kind}") + lines.count(f"I-{kind}") for kind in ("person", "place")]
    assert found.confusion.sum(1).tolist() == [*kinds, lines.count("O")]
    assert found.is_right.mean() == pytest.approx(expected["token_accuracy"])
