"""The tagger as task, as job and as trained model."""

import re

import numpy as np
import pytest

from charnn.checkpoint.model import SavedModel, load_model, save_model
from charnn.data.schemes import spans
from charnn.errors import CheckpointError, DataError
from charnn.tasks.load import load
from charnn.tasks.tagger.model import Tags
from tests.runs import SENTENCES, tagger_run, trained


@pytest.fixture(autouse=True)
def _quick_probe(monkeypatch):
    monkeypatch.setattr("charnn.training.probe.GLANCE_SECONDS", 0.01)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A run at its end."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("charnn.training.probe.GLANCE_SECONDS", 0.01)
        return trained(tagger_run(tmp_path_factory.mktemp("tagger"), 80))


def message(kind, make):
    with pytest.raises(kind) as caught:
        make()
    return str(caught.value)


@pytest.mark.parametrize("output", ["crf", "softmax"])
@pytest.mark.parametrize(
    "options",
    [
        {"cell": "lstm"},
        {"cell": "rnn", "bidirectional": False},
        {"word_characters": False},
        {"layers": 2, "dropout": 0.1, "lowercase": False},
    ],
    ids=lambda options: " ".join(map(str, options.values())),
)
def test_every_option_learns_saves_and_answers_the_same_when_loaded(tmp_path, output, options):
    run = trained(tagger_run(tmp_path, 80, output=output, **options))
    model = load(run.place.folder)
    sentences = [("Ann", "went", "to", "Rio", "."), (), ("Zoë",)]
    run.job.model.network.eval()
    assert model.model.tag(sentences) == run.job.model.tag(sentences)
    assert load_model(run.place.folder).metrics["valid"]["span_f1"] > 0.8


def test_spans_have_their_places_in_the_text(finished):
    text = "Yesterday Bob Lee  went to New York."
    (answer,) = load(finished.place.folder).predict([text])
    found = {(one["text"], one["type"]) for one in answer["spans"]}
    assert ("New York", "place") in found
    assert all(text[one["begin"] : one["end"]] == one["text"] and 0 < one["probability"] <= 1 for one in answer["spans"])


def test_an_answer_does_not_depend_on_what_stands_beside_it(finished):
    model, texts = load(finished.place.folder), ["Ann went to Rio.", "", "Mia van Dyk went around New York .", "x"]
    for together, text in zip(model.predict(texts), texts, strict=True):
        (alone,) = model.predict([text])
        assert [(one["text"], one["type"]) for one in together["spans"]] == [(one["text"], one["type"]) for one in alone["spans"]]


def test_no_tag_ever_follows_where_it_may_not(finished):
    model = load(finished.place.folder).model
    generator = np.random.default_rng(0)
    words = ["Ann", "Lee", "van", "York", "New", "went", "."]
    for tags in model.tag([list(generator.choice(words, generator.integers(1, 12))) for _ in range(200)]):
        from_spans = ["O"] * len(tags)
        for begin, end, kind in spans(tags, "BIOES"):
            marks = ["S"] if end - begin == 1 else ["B", *"I" * (end - begin - 2), "E"]
            from_spans[begin:end] = [f"{mark}-{kind}" for mark in marks]
        assert tags == from_spans


def test_tokens_are_tagged_as_they_were_divided(finished):
    assert load(finished.place.folder).tag([["Ann", "went", "to", "New", "York", "."]]) == [
        ["B-person", "O", "O", "B-place", "I-place", "O"]
    ]


def test_tags_that_are_no_spans_are_kept_as_they_are(tmp_path):
    text = "the\tDET\ncat\tNOUN\nsleeps\tVERB\n\na\tDET\ndog\tNOUN\nruns\tVERB\n\n" * 20
    run = trained(tagger_run(tmp_path, 40, text))
    model = load(run.place.folder)
    assert not model.are_spans
    assert model.tag([["the", "dog", "sleeps"]]) == [["DET", "NOUN", "VERB"]]
    (answer,) = model.predict(["the cat runs"])
    assert [(one["token"], one["tag"], one["begin"]) for one in answer["tags"]] == [
        ("the", "DET", 0),
        ("cat", "NOUN", 4),
        ("runs", "VERB", 8),
    ]
    found = model.evaluate([tmp_path / "sentences.conll"])
    assert found["token_accuracy"] == 1
    assert "span_f1" not in found


def test_evaluating_counts_spans_and_tokens(finished, tmp_path):
    (tmp_path / "test.conll").write_text(SENTENCES)
    found = load(finished.place.folder).evaluate([tmp_path / "test.conll"])
    assert found["examples"] == 36
    assert found["span_f1"] > 0.9
    assert set(found["per_type"]) == {"person", "place"}


def test_the_tags_of_spans_are_complete_even_where_training_lacks_some():
    tags = Tags.of([["B-x", "O"]], "BIO")
    assert tags.names == ["B-x", "E-x", "I-x", "O", "S-x"]
    assert [tags.names[number] for number in tags.numbers(["B-x", "I-x", "O", "B-x"])] == ["B-x", "E-x", "O", "S-x"]


def test_more_tags_than_can_be_told_apart_are_refused():
    """As where a column of words is taken for that of the tags: a table of all pairs would take all memory."""
    said = message(DataError, lambda: Tags.of([[f"word{number}" for number in range(4001)]], "none"))
    assert said == "the data hold 4,001 tags, and at most 4,000 can be told apart; is --tag-column right?"
    assert len(Tags.of([[f"B-{number}" for number in range(999)]], "BIO").names) == 3997


def test_runs_of_one_seed_write_the_same_model(tmp_path):
    written = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        written.append(load_model(trained(tagger_run(tmp_path / name, 10, dropout=0.2)).place.folder).tensors)
    assert all((written[0][name] == written[1][name]).all() for name in written[0])


def test_a_tag_that_training_never_saw_is_named_with_its_line(finished, tmp_path):
    (tmp_path / "test.conll").write_text("Ann\tB-person\n\nMonday\tB-date\n\n")
    said = message(DataError, lambda: load(finished.place.folder).evaluate([tmp_path / "test.conll"]))
    assert said.startswith(f"{tmp_path / 'test.conll'}:3: the tag ")
    assert "does not exist in this model; it has B-person" in said


def test_one_sentence_cannot_be_split(tmp_path):
    said = message(DataError, lambda: tagger_run(tmp_path, text="a\tX\n\n"))
    assert said == "sentences holds one sentence, which cannot be split; give more, or --valid FILE"


@pytest.mark.parametrize(
    "change", [{"tags": []}, {"tags": ["O"]}, {"tags": ["O", 3]}, {"scheme": "BILOU"}, {"words": [1]}, {"characters": None}]
)
def test_a_model_file_whose_parts_do_not_fit_is_refused(finished, tmp_path, change):
    saved = load_model(finished.place.folder)
    save_model(tmp_path / "model.safetensors", SavedModel(saved.task, saved.settings, {**saved.learned, **change}, saved.tensors))
    said = message(CheckpointError, lambda: load(tmp_path / "model.safetensors"))
    assert re.fullmatch(rf"{tmp_path}/model.safetensors: the .* (is|are) damaged: .*; train it again or copy it anew", said), said
