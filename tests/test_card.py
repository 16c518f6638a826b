from charnn.card import flat, results_table

RESULT = {
    "protocol": "windows of 64, cold",
    "nats_per_token": 1.23456,
    "bits_per_character": 1.78,
    "bits_per_byte": 0.5,
    "word_perplexity": 12345.6,
    "standard_error": 0.01234,
}


def test_results_have_a_row_for_each_protocol():
    head, line, *rows = results_table({"streamed": {**RESULT, "protocol": "streamed"}, "windows": RESULT})
    assert head.count("|") == line.count("|") == rows[0].count("|")
    assert rows == [
        "| streamed | 1.2346 | 1.7800 | 0.5000 | 12,345.6 | 0.0123 |",
        "| windows of 64, cold | 1.2346 | 1.7800 | 0.5000 | 12,345.6 | 0.0123 |",
    ]


def test_a_number_that_is_none_is_a_dash():
    *_, row = results_table({"streamed": {**RESULT, "word_perplexity": None, "standard_error": None}})
    assert row == "| windows of 64, cold | 1.2346 | 1.7800 | 0.5000 | - | - |"


def test_nested_settings_are_one_list_by_their_own_names():
    assert flat({"network": {"stack": {"layers": 2}, "tie_weights": False}, "seed": 1}) == {"layers": 2, "tie_weights": False, "seed": 1}
