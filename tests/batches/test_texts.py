import numpy as np
import pytest

from charnn.batches.streams import group_sizes
from charnn.batches.texts import LONGEST_WORD, Speller, TextBatches, by_length, text_set
from charnn.tokenizers.vocabulary import UNKNOWN, Vocabulary

TEXTS = [["a", "b", "a"], ["c"], [], ["b", "b", "c", "a", "x"]]
VOCABULARY = Vocabulary(["a", "b", "c"])


def texts_of(**options):
    return text_set(TEXTS, VOCABULARY.encode, **options)


def lengths_like(generator, count=500):
    return generator.integers(1, 60, count)


def set_of_lengths(lengths):
    return text_set([np.full(length, number) for number, length in enumerate(lengths)], lambda ids: ids)


def test_a_batch_holds_each_text_and_zeros_behind_it():
    batch = texts_of(labels=[7, 8, 9, 10]).batch(np.array([3, 1]))
    assert batch.tokens.tolist() == [[4, 4, 5, 3, UNKNOWN], [5, 0, 0, 0, 0]]
    assert batch.lengths.tolist() == [5, 1]
    assert batch.labels.tolist() == [10, 8]


def test_tags_stand_where_their_tokens_stand():
    batch = texts_of(tags=[[1, 2, 3], [4], [], [5, 6, 7, 8, 9]]).batch(np.array([0, 1, 2]))
    assert batch.tags.tolist() == [[1, 2, 3], [4, 0, 0], [0, 0, 0]]


def test_empty_texts_make_a_batch():
    batch = texts_of().batch(np.array([2]))
    assert batch.tokens.tolist() == [[0]]
    assert batch.lengths.tolist() == [0]


def test_each_distinct_word_of_a_batch_is_spelled_once():
    words = [["to", "be", "to"], ["be"]]
    speller = Speller.fit(["to", "be"])
    batch = text_set(words, VOCABULARY.encode, speller=speller).batch(np.array([0, 1]))
    known = speller.characters.ids
    spelled = [[known[character] for character in word] for word in ("to", "be")]
    assert batch.characters[batch.words[0, :3]].tolist() == [spelled[0], spelled[1], spelled[0]]
    assert batch.characters[batch.words[1, 0]].tolist() == spelled[1]
    assert len(batch.characters) == 2


def test_a_batch_without_words_can_be_spelled():
    batch = text_set([[]], VOCABULARY.encode, speller=Speller.fit(["a"])).batch(np.array([0]))
    assert batch.words.tolist() == [[0]]
    assert len(batch.characters) == len(batch.character_lengths)


def test_a_new_character_is_unknown_and_a_long_word_keeps_its_ends():
    speller = Speller.fit(["ab"])
    rows, lengths = speller.spell(np.array([speller.number("aéb"), speller.number("a" * 100 + "b" * 100)]))
    a, b = speller.characters.ids["a"], speller.characters.ids["b"]
    assert lengths.tolist() == [3, LONGEST_WORD]
    assert rows[0, :4].tolist() == [a, UNKNOWN, b, 0]
    assert rows[1].tolist() == [a] * (LONGEST_WORD // 2) + [b] * (LONGEST_WORD // 2)


def test_an_epoch_has_every_text_once_and_another_order_each_time():
    batches = TextBatches(set_of_lengths(lengths_like(np.random.default_rng(0))), batch_size=16, budget=400, seed=3)
    plans = [batches.plan(epoch) for epoch in (0, 1)]
    for plan in plans:
        assert sorted(np.concatenate(plan)) == list(range(500))
        assert len(plan) == batches.epoch_steps
    assert any(set(one) != set(other) for one, other in zip(*plans, strict=True))


def test_batches_are_a_function_of_seed_and_step():
    texts = set_of_lengths(lengths_like(np.random.default_rng(1), 50))
    batches = TextBatches(texts, batch_size=8, budget=200, seed=1)
    start = batches.epoch_steps + 2
    from_start = batches.since(0)
    for _ in range(start):
        next(from_start)
    assert (next(from_start).tokens == next(TextBatches(texts, batch_size=8, budget=200, seed=1).since(start)).tokens).all()


def test_texts_of_a_batch_are_about_equally_long():
    texts = set_of_lengths(lengths_like(np.random.default_rng(2), 5000))
    for group in TextBatches(texts, batch_size=16, budget=10**6, seed=1).plan(0):
        assert texts.lengths[group].max() <= 1.3 * texts.lengths[group].min() + 1


@pytest.mark.parametrize(("batch_size", "budget"), [(4, 100), (64, 60), (1, 10**6), (8, 1)])
def test_groups_keep_to_size_and_budget_unless_one_text_is_longer(batch_size, budget):
    lengths = lengths_like(np.random.default_rng(3))
    ordered, begin = np.sort(lengths), 0
    for size in group_sizes(lengths, batch_size, budget):
        group = ordered[begin : begin + size]
        assert size <= batch_size
        assert size == 1 or size * group[-1] <= budget
        begin += size
    assert begin == len(lengths)


def test_by_length_gives_every_text_once():
    texts = texts_of()
    seen = {}
    for numbers, batch in by_length(texts, 2, 6):
        for number, row, length in zip(numbers, batch.tokens, batch.lengths, strict=True):
            seen[number] = row[:length].tolist()
    assert seen == {number: VOCABULARY.encode(text).tolist() for number, text in enumerate(TEXTS)}


def test_no_texts_come_in_no_batches():
    """An empty batch once reached the attention of a translator that had nothing more to translate, which cannot divide its units."""
    assert list(by_length(text_set([], lambda text: text), 8, 100)) == []
