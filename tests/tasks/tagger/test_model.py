"""The tagger: trained, saved, loaded, asked, evaluated."""

import re
from dataclasses import replace

import numpy as np
import pytest

from charnn.checkpoint.model import SavedModel, load_model, save_model
from charnn.data.conll import Sentence, TaggedData
from charnn.data.schemes import spans
from charnn.errors import CheckpointError, DataError
from charnn.tasks.load import load
from charnn.tokenizers.splitting import split_tokens
from tests.runs import SENTENCES, tagger_run, trained
from tests.tools import message

pytestmark = pytest.mark.usefixtures("quick_probe")


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A run at its end."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("charnn.training.run.GLANCE_SECONDS", 0.01)
        return trained(tagger_run(tmp_path_factory.mktemp("tagger"), 80))


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
    assert model.tag_with_probabilities(sentences) == run.model.tag_with_probabilities(sentences)
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
    model = load(finished.place.folder)
    generator = np.random.default_rng(0)
    words = ["Ann", "Lee", "van", "York", "New", "went", "."]
    for row in model.tag_with_probabilities([list(generator.choice(words, generator.integers(1, 12))) for _ in range(200)]):
        tags = [tag for tag, _ in row]
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
    assert not model.tags.are_spans
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


def test_runs_of_one_seed_write_the_same_model(tmp_path):
    written = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        written.append(load_model(trained(tagger_run(tmp_path / name, 10, dropout=0.2)).place.folder).tensors)
    assert all((written[0][name] == written[1][name]).all() for name in written[0])


def test_a_tag_that_training_never_saw_is_named_with_its_line(finished, tmp_path):
    (tmp_path / "test.conll").write_text("Ann\tB-person\n\nMonday\tB-date\n\n")
    said = message(DataError, lambda: load(finished.place.folder).evaluate([tmp_path / "test.conll"]))
    assert said.startswith(f"{tmp_path / 'test.conll'}:3: the tag 'B-date' does not exist in this model; it has B-person, ")


def test_one_sentence_cannot_be_split(tmp_path):
    said = message(DataError, lambda: tagger_run(tmp_path, text="a\tX\n\n"))
    assert said == "sentences holds one sentence, which cannot be split; give more, or --valid FILE"


def test_the_worst_tokens_are_in_their_sentences(finished):
    model, file = load(finished.place.folder), finished.place.folder.parent / "sentences.conll"
    found = model.errors([file], 10)
    lines = file.read_text().split("\n")
    for one in found.worst:
        line = int(one["where"].rpartition(":")[2])
        assert lines[line + one["number"] - 2].split("\t")[0] == one["token"]
        sentence = " ".join(row.split("\t")[0] for row in lines[line - 1 :][: lines[line - 1 :].index("")])
        assert " ".join(part for part in (one["before"], one["token"], one["after"]) if part) == sentence
    assert found.seen == sum("\t" in line for line in lines)


def test_a_token_is_judged_by_the_probabilities_of_its_tag_and_of_the_true_one(finished):
    model, tokens = load(finished.place.folder), ("Ann", "went", "to", "Rio", ".")
    sure = [share for row in model.tag_with_probabilities([tokens]) for _, share in row]
    judged = model.judge([Sentence(tokens, ("B-person", "O", "O", "B-place", "O"), "x:1")])[0]
    assert [probability for _, probability, _ in judged] == sure
    names = ("S-person", "O", "O", "S-place", "O")
    rows = list(zip(names, judged, strict=True))
    assert {true == probability for name, (tag, probability, true) in rows if tag == name} == {True}
    assert all(true + probability <= 1 + 1e-6 for name, (tag, probability, true) in rows if tag != name)


def test_verdicts_count_spans_by_type_and_tokens_by_tag(finished):
    model, file = load(finished.place.folder), finished.place.folder.parent / "sentences.conll"
    found, expected = model.predictions([file]), model.evaluate([file])
    assert list(found.labels) == ["person", "place", "O"]
    lines = [line.split("\t")[1] for line in file.read_text().splitlines() if line]
    kinds = [lines.count(f"B-{kind}") + lines.count(f"I-{kind}") for kind in ("person", "place")]
    assert found.confusion.sum(1).tolist() == [*kinds, lines.count("O")]
    assert found.is_right.mean() == pytest.approx(expected["token_accuracy"])


@pytest.mark.parametrize(
    "change", [{"tags": []}, {"tags": ["O"]}, {"tags": ["O", 3]}, {"scheme": "BILOU"}, {"words": [1]}, {"characters": None}]
)
def test_a_model_file_whose_parts_do_not_fit_is_refused(finished, tmp_path, change):
    saved = load_model(finished.place.folder)
    save_model(tmp_path / "model.safetensors", SavedModel(saved.task, saved.settings, {**saved.learned, **change}, saved.tensors))
    said = message(CheckpointError, lambda: load(tmp_path / "model.safetensors"))
    assert re.fullmatch(rf"{tmp_path}/model.safetensors: the model.* (is|are) damaged: .*; train it again or copy it anew", said), said


def test_the_way_to_divide_raw_text_is_kept_in_the_model(tmp_path):
    text = "王\tB-PER\n明\tI-PER\n去\tO\n北\tB-LOC\n京\tI-LOC\n。\tO\n\n李\tB-PER\n华\tI-PER\n回\tO\n家\tO\n9\tO\n9\tO\n。\tO\n\n" * 10
    run = trained(tagger_run(tmp_path, 4, text))
    assert ("raw text", "divided into characters, as the training tokens are") in run.model.facts()
    saved = load_model(run.place.folder)
    assert saved.learned["word_split"] == "characters"
    path = tmp_path / "model.safetensors"
    for learned, pieces in (("characters", "王|去|9|9"), ("spaces", "王去99"), (None, "王去99")):
        rest = {name: value for name, value in saved.learned.items() if name != "word_split"}
        save_model(path, replace(saved, learned=rest if learned is None else {**rest, "word_split": learned}))
        model = load(path)
        assert "|".join(piece.text for piece in split_tokens("王去99", model.word_split)) == pieces
    save_model(path, replace(saved, learned={**saved.learned, "word_split": ["x"]}))
    assert "it has no way to divide text named ['x']" in message(CheckpointError, lambda: load(path))


@pytest.mark.parametrize(
    ("script", "text", "spans"),
    [
        ("hi", "राम कल पुणे गया था।", {("राम", "PER"), ("पुणे", "LOC")}),
        ("zh_char", "李华昨天去了北京。", {("李华", "PER"), ("北京", "LOC")}),
    ],
)
def test_names_are_found_in_raw_text_of_any_script(cases, tmp_path, script, text, spans):
    name = {"hi": "hi.conll", "zh_char": "zh_char.conll"}[script]
    run = trained(tagger_run(tmp_path, 150, (cases / "scripts" / name).read_text(encoding="utf-8")))
    (answer,) = load(run.place.folder).predict([text])
    assert {(one["text"], one["type"]) for one in answer["spans"]} == spans
    plain = (cases / "scripts" / f"{script.partition('_')[0]}_plain.txt").read_text(encoding="utf-8").splitlines()
    known = set(run.model.words.symbols)
    assert all(piece.text in known for line in plain for piece in split_tokens(line, run.model.word_split))


def test_tokens_lose_spaces_at_their_ends_where_tabs_divide_columns(tmp_path):
    (tmp_path / "a.conll").write_text("Ann \tB-PER \n went\tO\n\n")
    (sentence,) = TaggedData([tmp_path / "a.conll"]).sentences()
    assert (sentence.tokens, sentence.tags) == (("Ann", "went"), ("B-PER", "O"))
