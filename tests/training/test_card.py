from charnn.training.card import metrics_table

NAMES = {"nats per token": "nats", "perplexity": "perplexity"}


def test_a_table_has_a_row_for_each_result_and_a_column_for_each_metric():
    assert metrics_table(
        "protocol", {"streamed": {"nats": 1.23456, "perplexity": 12345.6}, "cold": {"nats": 2.0, "perplexity": 7.0}}, NAMES
    ) == [
        "| protocol | nats per token | perplexity |",
        "|---|---|---|",
        "| streamed | 1.2346 | 12,345.6 |",
        "| cold | 2.0000 | 7.0000 |",
    ]


def test_a_number_that_is_none_is_a_dash():
    *_, row = metrics_table("protocol", {"streamed": {"nats": 1.0, "perplexity": None}}, NAMES)
    assert row == "| streamed | 1.0000 | - |"
