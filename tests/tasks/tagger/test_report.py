"""Tests of charnn.tasks.tagger.report."""

from charnn.tasks.tagger.report import errors_table, marked, table, validation_table

RATES = {"precision": 0.5, "recall": 1.0, "f1": 2 / 3, "support": 2}
TOKENS = {"token_accuracy": 0.75, "support": 4, "per_label": {"DET": RATES}, "intervals": {"token_accuracy": [0.5, 1.0]}}
SPANS = {**TOKENS, "span_precision": 0.5, "span_recall": 1.0, "span_f1": 2 / 3, "per_type": {"person": RATES}}


def test_spans_are_bracketed_in_their_text_on_one_line():
    answer = {"spans": [{"begin": 0, "end": 3, "type": "person"}, {"begin": 8, "end": 13, "type": "place"}]}
    assert marked("Ann\nsaw Paris.", answer) == "[Ann]person saw [Paris]place."


def test_tags_that_are_no_spans_are_behind_their_tokens():
    answer = {"tags": [{"token": "a", "tag": "DET"}, {"token": "dog", "tag": "NOUN"}]}
    assert marked("a dog", answer) == "a/DET dog/NOUN"


def test_the_table_has_a_row_for_each_tag():
    assert table(TOKENS) == [
        "         token accuracy",
        "tagger  0.7500 ± 0.2500",
        "",
        "tag  precision  recall      F1  support",
        "DET     0.5000  1.0000  0.6667        2",
    ]


def test_the_table_has_a_row_for_each_type_of_span():
    lines = table(SPANS)
    assert lines[0].split() == ["span", "f1", "span", "precision", "span", "recall", "token", "accuracy"]
    assert lines[3:] == ["type    precision  recall      F1  support", "person     0.5000  1.0000  0.6667        2"]


def test_the_card_has_spans_only_where_there_are_any():
    head = "| validation | span F1 | precision | recall | token accuracy |"
    assert validation_table(SPANS, 1234) == [head, "|---|---|---|---|---|", "| 1,234 sentences | 0.6667 | 0.5000 | 1.0000 | 0.7500 |"]
    assert validation_table(TOKENS, 5) == ["| validation | token accuracy |", "|---|---|", "| 5 sentences | 0.7500 |"]


def test_a_wrong_tag_is_shown_in_its_sentence():
    one = {"nats": 2.0, "true": "S-place", "found": "O", "probability": 0.9, "where": "a.conll:3", "number": 2}
    rows = errors_table([{**one, "before": "Ann", "token": "Rio", "after": "left"}])
    assert rows[0].split() == ["nats", "true", "found", "in", "context", "sentence,", "token"]
    assert rows[1].split() == ["2.00", "S-place", "O", "90%", "Ann", "»Rio«", "left", "a.conll:3,", "2"]
