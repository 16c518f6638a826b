"""Tests of data/phrasebook.tsv."""

import re
import unicodedata
from collections import Counter

import pytest

from charnn.data.builtin import own_file

WORD = re.compile(r"\w+(?:'\w+)*")  # o'clock, j'ai; est-ce is two

Pairs = list[tuple[str, ...]]


@pytest.fixture(scope="module")
def text() -> str:
    return b"".join(own_file("phrasebook.tsv")).decode("utf-8")


@pytest.fixture(scope="module")
def pairs(text: str) -> Pairs:
    return [tuple(line.split("\t")) for line in text.removesuffix("\n").split("\n")]


class TestPhrasebook:
    def test_there_are_enough_pairs_to_train_on(self, pairs: Pairs) -> None:
        assert len(pairs) >= 600

    def test_every_line_has_two_sides(self, pairs: Pairs) -> None:
        assert [pair for pair in pairs if len(pair) != 2 or not all(pair)] == []

    def test_no_english_side_is_there_twice(self, pairs: Pairs) -> None:
        assert [side for side, count in Counter(pair[0] for pair in pairs).items() if count > 1] == []

    def test_the_characters_are_composed(self, text: str) -> None:
        assert unicodedata.is_normalized("NFC", text)

    def test_words_are_divided_by_one_plain_space_each(self, pairs: Pairs) -> None:
        sides = [side for pair in pairs for side in pair]
        assert [side for side in sides if side != " ".join(side.split())] == []

    def test_lines_end_in_a_line_feed_alone(self, text: str) -> None:
        assert text.endswith("\n")
        assert text.splitlines() == text.removesuffix("\n").split("\n")

    @pytest.mark.parametrize(("side", "least"), [(0, 3), (1, 2)], ids=["english", "french"])
    def test_a_word_is_there_often_enough_to_be_learned(self, pairs: Pairs, side: int, least: int) -> None:
        counts = Counter(word for pair in pairs for word in WORD.findall(pair[side]))
        assert [word for word, count in counts.items() if count < least] == []

    def test_both_sides_end_in_the_same_mark(self, pairs: Pairs) -> None:
        assert [pair for pair in pairs if pair[0][-1] not in ".?!" or pair[0][-1] != pair[1][-1]] == []

    def test_french_puts_a_space_before_a_question_or_exclamation_mark(self, pairs: Pairs) -> None:
        assert [french for _, french in pairs if re.search(r"\S[?!]", french)] == []
