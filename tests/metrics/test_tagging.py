import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from charnn.metrics.tagging import span_metrics, token_metrics

TAGS = st.sampled_from(["O", "B-PER", "I-PER", "B-LOC", "I-LOC", "I-ORG"])
SENTENCES = st.lists(st.lists(st.tuples(TAGS, TAGS), min_size=1, max_size=8), min_size=1, max_size=6)


def spans(tags):
    """The chunks of a BIO sentence as conlleval cuts them: at B-, at another type, and at O."""
    found, begin, kind = set(), 0, None
    for place, tag in enumerate([*tags, "O"]):
        prefix, _, own = tag.partition("-")
        if kind is not None and (prefix != "I" or own != kind):
            found.add((begin, place, kind))
            kind = None
        if prefix != "O" and kind is None:
            begin, kind = place, own
    return found


@settings(max_examples=50, deadline=None)
@given(SENTENCES)
def test_span_scores_are_those_of_seqeval(sentences):
    from seqeval.metrics import classification_report

    true, found = ([[pair[side] for pair in sentence] for sentence in sentences] for side in (0, 1))
    ours = span_metrics([spans(tags) for tags in true], [spans(tags) for tags in found], resamples=0)
    if not ours["per_type"]:
        assert ours["span_f1"] == 0  # seqeval raises an error
        return
    theirs = classification_report(true, found, output_dict=True, zero_division=0)
    total = theirs["micro avg"]
    assert (ours["span_precision"], ours["span_recall"], ours["span_f1"]) == pytest.approx(
        (total["precision"], total["recall"], total["f1-score"])
    )
    for kind, scores in ours["per_type"].items():
        expected = theirs[kind]
        assert list(scores.values()) == pytest.approx([expected[name] for name in ("precision", "recall", "f1-score", "support")])


def test_a_span_with_a_wrong_end_or_type_is_wrong():
    true = [{(0, 2, "PER"), (3, 4, "LOC"), (5, 6, "LOC")}]
    found = [{(0, 1, "PER"), (3, 4, "ORG"), (5, 6, "LOC")}]
    scores = span_metrics(true, found, resamples=0)
    assert scores["span_precision"] == scores["span_recall"] == scores["span_f1"] == pytest.approx(1 / 3)
    assert scores["per_type"]["LOC"] == {"precision": 1.0, "recall": 0.5, "f1": pytest.approx(2 / 3), "support": 2}
    assert scores["per_type"]["ORG"]["f1"] == 0


def test_token_scores_are_those_of_scikit_learn():
    from sklearn.metrics import precision_recall_fscore_support

    true = [["NOUN", "VERB", "NOUN"], ["DET", "NOUN"]]
    found = [["NOUN", "NOUN", "NOUN"], ["DET", "X"]]
    scores = token_metrics(true, found, resamples=0)
    assert scores["token_accuracy"] == pytest.approx(3 / 5)
    labels = sorted(scores["per_label"])
    expected = precision_recall_fscore_support([*true[0], *true[1]], [*found[0], *found[1]], labels=labels, zero_division=0)
    for number, label in enumerate(labels):
        assert list(scores["per_label"][label].values()) == pytest.approx([column[number] for column in expected])


def test_intervals_hold_what_they_are_of_and_json_takes_them():
    sentences = [{(0, 1, "A")}, {(0, 1, "A"), (2, 3, "B")}, set()] * 10
    found = [{(0, 1, "A")}, {(0, 1, "A"), (2, 4, "B")}, set()] * 10
    scores = span_metrics(sentences, found, resamples=200)
    low, high = scores["intervals"]["span_f1"]
    assert 0 < low < scores["span_f1"] < high < 1
    tokens = token_metrics([["A", "B"], ["A"]] * 20, [["A", "A"], ["A"]] * 20, resamples=200)
    low, high = tokens["intervals"]["token_accuracy"]
    assert low < tokens["token_accuracy"] < high
    json.dumps([scores, tokens], allow_nan=False)


def test_no_sentence_scores_nothing():
    assert span_metrics([], [])["span_f1"] == 0
    assert token_metrics([], [])["token_accuracy"] == 0


def test_sentences_of_unequal_length_are_refused():
    with pytest.raises(ValueError, match="shorter"):
        token_metrics([["A", "B"]], [["A"]])
