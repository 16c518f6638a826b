"""Answers beside the truth: the same that the models give and evaluate."""

from pathlib import Path

import numpy as np
import pytest

from charnn.metrics.classification import calibration_bins, calibration_error, expected_calibration_error
from charnn.tasks.load import MODELS, load
from charnn.tasks.verdicts import VERDICTS
from tests.runs import classifier_run, tagger_run, trained


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("classifier")
    trained(classifier_run(folder))
    return folder


@pytest.fixture(scope="module")
def tagger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tagger")
    trained(tagger_run(folder))
    return folder


def test_every_task_asked_is_a_task() -> None:
    assert VERDICTS.keys() <= MODELS.keys()


def test_the_confusion_and_calibration_of_a_classifier_are_those_of_its_evaluation(classifier: Path) -> None:
    model = load(classifier / "run")
    found, expected = VERDICTS["classifier"](model, [str(classifier / "table.tsv")]), model.evaluate([classifier / "table.tsv"])
    assert found.confusion.tolist() == expected["confusion"]
    assert calibration_error(calibration_bins(found.confidence, found.is_right)) == pytest.approx(expected["ece"])
    assert found.is_right.mean() == pytest.approx(expected["accuracy"])


def test_the_spans_of_a_tagger_are_counted_by_type_and_tokens_by_tag(tagger: Path) -> None:
    model = load(tagger / "run")
    found, expected = VERDICTS["tagger"](model, [str(tagger / "sentences.conll")]), model.evaluate([tagger / "sentences.conll"])
    assert list(found.labels) == ["person", "place", "O"]
    lines = [line.split("\t")[1] for line in (tagger / "sentences.conll").read_text().splitlines() if line]
    kinds = [lines.count(f"B-{kind}") + lines.count(f"I-{kind}") for kind in ("person", "place")]
    assert found.confusion.sum(1).tolist() == [*kinds, lines.count("O")]
    assert found.is_right.mean() == pytest.approx(expected["token_accuracy"])


def test_bins_hold_every_answer_and_err_as_the_metric_does() -> None:
    random = np.random.default_rng(0)
    probabilities = random.dirichlet(np.ones(3), 500)
    labels = random.integers(0, 3, 500)
    bins = calibration_bins(probabilities.max(1), probabilities.argmax(1) == labels)
    assert sum(one.examples for one in bins) == 500
    assert all(one.least < one.confidence <= one.most for one in bins)
    assert calibration_error(bins) == pytest.approx(expected_calibration_error(probabilities, labels))
    assert (calibration_bins([], []), calibration_error([])) == ([], 0)
