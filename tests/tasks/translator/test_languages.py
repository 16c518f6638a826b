"""The languages of a translator: texts become ids and ids texts."""

import unicodedata
from collections import Counter
from itertools import islice, pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from charnn.data.pairs import Pair
from charnn.tasks.translator.languages import (
    FIRST_PLACEHOLDER,
    LEARNING,
    LEAST_PAIRS,
    PLACEHOLDERS,
    Prepared,
    known_placeholders,
    normal,
    pieces,
    placeholders_of,
    prepare_to_learn,
    put_back,
    take_out,
    take_out_of_pair,
)
from charnn.tokenizers.vocabulary import END
from tests.translators import PAIRS, TOKENIZERS, translator

every_tokenizer = pytest.mark.parametrize("tokenizer", TOKENIZERS)


@every_tokenizer
def test_ids_of_a_text_are_decoded_to_it(tokenizer):
    model = translator(tokenizer)
    for pair in PAIRS:
        assert model.languages.target.decode(model.languages.encode(model.languages.target, pair.target)).removeprefix(" ") == pair.target
    assert len(model.languages.encode(model.languages.source, "")) == 0


def test_a_subword_is_the_same_at_the_begin_of_a_text_as_within_it():
    model = translator("subword")
    begin, within = model.languages.encode(model.languages.source, "the"), model.languages.encode(model.languages.source, "a the")
    assert within.tolist()[-len(begin) :] == begin.tolist()


def test_batches_of_sampled_subwords_are_other_divisions_of_the_same_texts_in_every_epoch():
    model = translator("subword", subword_sampling=0.2, batch_size=2)
    prepared = prepare_to_learn(PAIRS, copies=False)

    def rows(epoch):
        batches = model.languages.batches(prepared, model.settings)
        found = list(islice(batches.since(epoch * batches.epoch_steps), batches.epoch_steps))
        sides = [
            (side.tokens[row, : side.lengths[row] - 1].tolist(), side.tokens[row, side.lengths[row] - 1])
            for batch in found
            for side in (batch.source, batch.target)
            for row in range(len(batch.source.lengths))
        ]
        assert {int(last) for _, last in sides} == {END}
        return [ids for ids, _ in sides]

    first, again, second = rows(1), rows(1), rows(2)
    assert first == again
    assert sorted(map(str, first)) != sorted(map(str, second))
    texts = sorted(f" {text}" for one in PAIRS for text in (one.source, one.target))
    assert [sorted(map(model.languages.source.decode, found)) for found in (first, second)] == [texts, texts]


def test_two_sides_alike_are_divided_each_in_its_own_way():
    model = translator("subword")
    pairs = model.languages.read_sampled([Prepared(one.source, one.source) for one in PAIRS], 0.1, seed=1)
    assert pairs.source.ids.tolist() != pairs.target.ids.tolist()


def test_only_placeholders_that_are_known_are_used():
    text, numbers = "10 20 30", ("10", "20", "30")
    for count in range(4):
        model = translator(placeholders=count)
        replaced = " ".join([*PLACEHOLDER[:count], *numbers[count:]])
        assert model.languages.prepare(f" {text} ") == (replaced, numbers[:count])
        assert model.languages.prepare_pairs([pair_of(text)]) == [(replaced, replaced)]


def test_a_given_pair_is_prepared_without_a_draw():
    assert translator(placeholders=8).languages.prepare_pairs([pair_of("Anna  sees"), pair_of("e\u0301", "10")]) == [
        ("Anna sees",) * 2,
        ("é", "10"),
    ]


def pair_of(source, target=None):
    return Pair(source, source if target is None else target, "here")


PLACEHOLDER = [chr(FIRST_PLACEHOLDER + number) for number in range(PLACEHOLDERS)]
"""The placeholders in their order."""

PARTS = [
    "https://example.org/a-b?c=d&e=%20#f",
    "http://a.b/",
    "www.example.org/~me",
    "jane.doe+news@mail.example.co.uk",
    "3.14",
    "1,000,000",
    "10:30",
    "2024-01-31",
    "31/01/2024",
    "42",
    "0049",
]
"""What is carried over."""

PLAIN = ["", " ", "one", "1", "a1", "24h", "x2y", "Room 5", "a@b", "example.org", "3.", "don't", "ß 😀 é", "第三章", "\u0663"]
"""What is not."""

MESSY = "Ünï… 👩‍👩‍👧\u0085e\u0301 10:30\u2028中文没有空格的一行。第二句！\u202f« oui » \ud800 www.a.de/b. 1,000\x00\t42"

TEXTS = st.lists(
    st.one_of(
        st.sampled_from([*PARTS, *PLAIN, "10", "30", ".", ",", "(", ")", "! ", "? ", "“", "”"]),
        st.text(max_size=5),
        st.text("a1.:@-/ ", max_size=8),
    ),
    max_size=25,
).map("".join)
"""Texts with much to copy."""

without_placeholders = TEXTS.filter(lambda text: not placeholders_of(text))


def characters(text):
    """As a measure of length."""
    return len(text)


@pytest.mark.parametrize("blank", [" ", "  ", "\t", "\n", "\r\n", "\f", "\v", " \t\n "])
def test_white_space_between_words_becomes_one_space_and_none_around_them(blank):
    assert normal(f"{blank}one{blank}two{blank}") == "one two"


@pytest.mark.parametrize("blank", ["\u00a0", "\u202f", "\u2009", "\u2028", "\u0085", "\u3000"])
def test_white_space_of_another_kind_stays(blank):
    assert normal(f"{blank}10{blank}000 ") == f"{blank}10{blank}000"


def test_characters_are_composed():
    assert normal("e\u0301") == "é"
    assert normal("\u1100\u1161") == "\uac00"
    assert normal("ﬁ²Ａ") == "ﬁ²Ａ"


@given(TEXTS)
@example(MESSY)
def test_a_normal_text_stays_as_it_is(text):
    found = normal(text)
    assert normal(found) == found == unicodedata.normalize("NFC", found)


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("around", ["{}", "{}.", "({})", "“{}”", "see {}, or", "{}?", "–{}–", "中文 {} 。"])
def test_addresses_and_numbers_are_kept_without_what_stands_around_them(part, around):
    kept = take_out(around.format(part))
    assert kept == (around.format(PLACEHOLDER[0]), (part,))
    assert put_back(*kept) == around.format(part)


@pytest.mark.parametrize("text", PLAIN)
def test_everything_else_is_not_kept(text):
    assert take_out(text) == (text, ())


def test_placeholders_are_in_order_and_equal_parts_have_the_same_one():
    kept = take_out("10 of 20 or 10 at 10:30, 20")
    assert kept == (
        f"{PLACEHOLDER[0]} of {PLACEHOLDER[1]} or {PLACEHOLDER[0]} at {PLACEHOLDER[2]}, {PLACEHOLDER[1]}",
        ("10", "20", "10:30"),
    )


def test_what_comes_when_all_placeholders_are_taken_stays_as_it_is():
    numbers = [str(number) for number in range(10, 15 + PLACEHOLDERS)]
    text = " ".join([*numbers, numbers[0]])
    kept = take_out(text)
    assert kept.text.split() == [*PLACEHOLDER, *numbers[PLACEHOLDERS:], PLACEHOLDER[0]]
    assert kept.parts == tuple(numbers[:PLACEHOLDERS])
    assert put_back(*kept) == text


@pytest.mark.parametrize("count", range(PLACEHOLDERS + 1))
def test_at_most_as_many_parts_are_taken_out_as_placeholders_are_known(count):
    numbers = [str(number) for number in range(10, 20 + PLACEHOLDERS)]
    kept = take_out(" ".join(numbers), count)
    assert kept == (" ".join([*PLACEHOLDER[:count], *numbers[count:]]), tuple(numbers[:count]))
    assert take_out_of_pair(" ".join(numbers), " ".join(numbers), most=count) == (kept.text, kept.text)


@pytest.mark.parametrize("sign", [PLACEHOLDER[0], PLACEHOLDER[-1]])
def test_a_text_with_placeholders_of_its_own_is_left_as_it_is(sign):
    text = f"10 {sign} 20"
    assert take_out(text) == (text, ())
    assert take_out_of_pair(text, "10") == (text, "10")
    assert take_out_of_pair("10", text) == ("10", text)


def test_private_code_points_beside_the_placeholders_are_ordinary():
    beside = chr(FIRST_PLACEHOLDER - 1) + chr(FIRST_PLACEHOLDER + PLACEHOLDERS) + "\uf8ff"
    assert take_out(f"{beside} 10") == (f"{beside} {PLACEHOLDER[0]}", ("10",))
    assert put_back(beside, ["x"]) == beside


@given(without_placeholders, st.integers(0, PLACEHOLDERS))
@example(MESSY, PLACEHOLDERS)
@settings(max_examples=300)
def test_what_was_taken_out_is_put_back(text, count):
    kept = take_out(text, count)
    assert put_back(*kept) == text
    assert len(set(kept.parts)) == len(kept.parts) <= count
    assert placeholders_of(kept.text) == set(range(len(kept.parts)))


@given(TEXTS, st.lists(st.text(max_size=3), max_size=PLACEHOLDERS))
def test_no_sign_is_left_when_parts_are_put_back(text, parts):
    assert not placeholders_of(put_back(text + PLACEHOLDER[3], [part for part in parts if not placeholders_of(part)]))


def test_a_sign_that_stands_for_nothing_vanishes():
    assert put_back(f"a {PLACEHOLDER[1]}b {PLACEHOLDER[0]}", ["10"]) == "a b 10"


def test_placeholders_of_a_text_are_their_numbers():
    assert placeholders_of(f"a{PLACEHOLDER[2]}{PLACEHOLDER[2]}b{PLACEHOLDER[7]}{chr(FIRST_PLACEHOLDER + PLACEHOLDERS)}") == {2, 7}


@pytest.mark.parametrize(
    ("source", "target", "expected"),
    [
        ("at 10:30", "um 10:30", ("at {0}", "um {0}")),
        ("at 10:30", "um 10.30", ("at 10:30", "um 10.30")),
        ("10 20 30", "30 10", ("{0} 20 {1}", "{1} {0}")),
        ("10", "10 10 20", ("{0}", "{0} {0} 20")),
        ("a@b.de 5", "5 a@b.de", ("{0} 5", "5 {0}")),
        ("10", "100", ("10", "100")),
        ("10 apples", "x10", ("10 apples", "x10")),
        ("www.a.de/b.", "(www.a.de/b)", ("{0}.", "({0})")),
        ("", "", ("", "")),
    ],
)
def test_in_a_pair_only_what_stands_on_both_sides_becomes_a_sign(source, target, expected):
    assert take_out_of_pair(source, target) == tuple(text.format(*PLACEHOLDER) for text in expected)


"""A number within another one becomes a sign, 10:30 <sign>:30; an address that touches a word becomes none on that side."""


@pytest.mark.parametrize(
    ("source", "target", "expected"),
    [
        ("10 at 10:30", "10 um 10:30", ("{0} at {1}", "{0} um {1}")),
        ("10 at 10:30", "10 um 10.30", ("{0} at 10:30", "{0} um 10.30")),
        ("see:http://a.de", "siehehttp://a.de", ("see:{0}", "siehe{0}")),
    ],
)
def test_a_sign_stands_in_a_pair_where_it_would_stand_in_use(source, target, expected):
    """What is carried over in use is all that the pattern finds, so learning must not find more or less."""
    assert take_out_of_pair(source, target) == tuple(text.format(*PLACEHOLDER) for text in expected)


@given(without_placeholders, without_placeholders)
@example("see:http://a.de", "siehehttp://a.de")
@settings(max_examples=200)
def test_both_sides_of_a_pair_have_the_same_placeholders(source, target):
    for draw in (0.0, 1.0):
        placeholders, others = map(placeholders_of, take_out_of_pair(source, target, draw))
        assert placeholders == others == set(range(len(placeholders)))


@given(without_placeholders)
@example("10 at 10:30")
@settings(max_examples=200)
def test_a_pair_of_equal_sides_learns_what_use_makes_of_each(text):
    assert take_out_of_pair(text, text) == (take_out(text).text,) * 2


def test_a_pair_has_at_most_all_placeholders():
    text = " ".join(map(str, range(10, 15 + PLACEHOLDERS)))
    source, target = take_out_of_pair(text, text)
    assert source == target
    assert source.split() == [*PLACEHOLDER, *text.split()[PLACEHOLDERS:]]


@pytest.mark.parametrize(("draw", "is_drawn"), [(0.0, True), (LEARNING - 1e-9, True), (LEARNING, False), (0.999, False)])
def test_where_nothing_is_to_be_kept_a_draw_below_the_share_takes_one_shared_word(draw, is_drawn):
    pair = ("Anna knows Berlin and Anna", "Berlin kennt Anna")
    expected = (f"{PLACEHOLDER[0]} knows Berlin and {PLACEHOLDER[0]}", f"Berlin kennt {PLACEHOLDER[0]}")
    assert take_out_of_pair(*pair, draw) == (expected if is_drawn else pair)


def test_a_draw_takes_no_word_where_something_is_kept_nor_one_of_three_letters():
    assert take_out_of_pair("Anna 10", "Anna 10", 0.0) == (f"Anna {PLACEHOLDER[0]}", f"Anna {PLACEHOLDER[0]}")
    assert take_out_of_pair("Ben Bob", "Bob Ben", 0.0) == ("Ben Bob", "Bob Ben")


def test_without_a_draw_no_word_is_taken():
    assert take_out_of_pair("Anna", "Anna") == ("Anna", "Anna")


SENTENCES = "One two three. Four five! Six seven eight nine? Ten"


def test_a_text_that_fits_is_one_piece():
    assert pieces(SENTENCES, characters, len(SENTENCES)) == [SENTENCES]
    assert pieces("", characters, 5) == [""]


def test_sentences_stay_whole_where_they_fit():
    assert pieces(SENTENCES, characters, 22) == ["One two three.", "Four five!", "Six seven eight nine?", "Ten"]


def test_a_sentence_that_does_not_fit_is_cut_at_spaces():
    assert pieces(SENTENCES, characters, 15) == ["One two three.", "Four five!", "Six seven", "eight nine?", "Ten"]


def test_a_word_that_does_not_fit_is_cut_anywhere():
    assert pieces("abcdefgh", characters, 5) == ["abcd", "efgh"]


def test_a_text_of_nothing_but_white_space_that_is_too_long_has_no_pieces():
    assert pieces(" \u2028\u0085 \u2003 ", characters, 1) == []


@given(st.lists(st.text("abß中.,", min_size=1, max_size=6), min_size=1, max_size=60).map(" ".join), st.integers(7, 40))
@settings(max_examples=300)
def test_pieces_fit_and_joined_with_spaces_they_are_the_text(text, most):
    found = pieces(text, characters, most)
    assert " ".join(found) == text
    assert all(0 < len(piece) <= most and piece == piece.strip() for piece in found) or len(text) <= most


@given(TEXTS.map(normal), st.integers(1, 30))
@example(normal(MESSY) * 3, 4)
@example("中文没有空格的一行。第二句！" * 20, 7)
@example("👩‍👩‍👧" * 30, 3)
@example("a\u2028b\u0085c " * 10, 4)
@settings(max_examples=300)
def test_pieces_of_any_text_fit(text, most):
    assert all(len(piece) <= most for piece in pieces(text, characters, most))


def visible(text):
    return "".join(text.split())


@given(TEXTS, st.integers(1, 30))
@example(normal(MESSY) * 3, 4)
@example("One two.” Three.", 10)
@settings(max_examples=300)
def test_pieces_lose_nothing_but_white_space(text, most):
    assert visible("".join(pieces(text, characters, most))) == visible(text)


@pytest.mark.parametrize("mark", "\"'»”’)]")
def test_what_closes_a_sentence_stays_with_it(mark):
    assert pieces(f"One two.{mark} Three.", characters, 10) == [f"One two.{mark}", "Three."]


def test_a_line_of_many_words_is_cut_into_parts_of_about_equal_length():
    text = " ".join(f"word{number}" for number in range(5000))
    found = pieces(text, lambda piece: piece.count(" ") + 1, 100)
    lengths = [len(piece.split()) for piece in found]
    assert " ".join(found) == text
    assert max(lengths) <= 100
    assert min(lengths) >= 40


def test_a_line_of_many_words_is_kept_and_put_back():
    text = " ".join(f"{number} word" for number in range(5000))
    kept = take_out(text)
    assert kept.parts == tuple(map(str, range(10, 10 + PLACEHOLDERS)))
    assert put_back(*kept) == text


@pytest.mark.parametrize("line", ["x" * 4000, "中" * 4000, "." * 4000, "1." * 2000, "a@" * 2000, "www." * 1000, "http://" + "." * 4000])
def test_a_long_line_without_spaces_is_kept_and_put_back(line):
    kept = take_out(line)
    assert put_back(*kept) == line


def test_the_measure_of_length_decides():
    """Length need not be that of the characters, nor grow with them."""
    found = pieces("aa b cc ddd", lambda piece: 2 * len(piece) + 1, 7)
    assert found == ["aa", "b", "cc", "ddd"]
    assert all(len(one) <= 3 for one in found)
    assert all(one < other for one, other in pairwise(found))


def test_placeholders_are_learned_from_about_every_twentieth_pair_without_something_to_copy():
    prepared = prepare_to_learn([pair_of("Anna sees"), pair_of("5 10")] * 1000, copies=True)
    counts = Counter(one for pair in prepared for one in pair)
    drawn = counts[f"{PLACEHOLDER[0]} sees"] / 2000
    assert drawn == pytest.approx(LEARNING, abs=0.01)
    assert counts == {f"{PLACEHOLDER[0]} sees": 2000 * drawn, "Anna sees": 2000 * (1 - drawn), f"5 {PLACEHOLDER[0]}": 2000}


def test_without_copying_pairs_are_brought_into_normal_form_only():
    assert prepare_to_learn([pair_of(" Anna  10"), pair_of("e\u0301")] * 30, copies=False) == [("Anna 10",) * 2, ("é",) * 2] * 30


@pytest.mark.parametrize(("counts", "known"), [((), 0), ((20,), 1), ((19, 50), 0), ((50, 20, 19, 30), 2), ((20,) * 8, 8)])
def test_placeholders_are_known_when_they_and_all_before_them_were_seen_often_enough(counts, known):
    assert LEAST_PAIRS == 20
    pairs = [
        Prepared(f"a {PLACEHOLDER[sign]}", f"{PLACEHOLDER[sign]}{PLACEHOLDER[sign]} b")
        for sign, count in enumerate(counts)
        for _ in range(count)
    ]
    assert known_placeholders([*pairs, *[Prepared(PLACEHOLDER[7], "one side only")] * 50]) == known
    assert placeholders_of(PLACEHOLDER[7]) == {7}
