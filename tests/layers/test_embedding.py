import pytest
import torch

from charnn.cells.settings import StackSettings
from charnn.layers.encoder import SHORT, Spelling, TokenEmbedding
from charnn.layers.settings import EncoderSettings
from tests.networks import CELLS

CHARACTERS = 11
WORDS = [[3, 1, 4], [1], [5, 9, 2, 6, 5, 3, 5, 8, 9, 7], [9, 3], [2] * 40]

every_cell = pytest.mark.parametrize("cell", CELLS)


def embedding_of(cell="gru", **options):
    torch.manual_seed(1)
    stack = StackSettings(cell=CELLS[cell].cell, activation=CELLS[cell].activation)
    sizes = {"embedding_size": 6, "character_size": 4, "character_hidden_size": 5, "embedding_dropout": 0.0}
    settings = EncoderSettings(stack, **sizes | options)
    return TokenEmbedding(settings, vocabulary_size=20, characters=CHARACTERS), settings


def spelling_of(words, index):
    lengths = torch.tensor([len(word) for word in words])
    characters = torch.zeros(len(words), max(map(len, words)), dtype=torch.int64)
    for row, word in zip(characters, words, strict=True):
        row[: len(word)] = torch.tensor(word)
    return Spelling(characters, lengths, torch.tensor(index))


def alone(embedding, word):
    """The vector of a word that is read by itself, without any padding."""
    return embedding.read_words(spelling_of([word], [[0]]))[0]


@pytest.mark.parametrize("word_characters", [False, True])
def test_a_token_becomes_a_vector_as_wide_as_the_settings_say(word_characters):
    embedding, settings = embedding_of(word_characters=word_characters)
    x = embedding(torch.tensor([[1, 2, 3]]), spelling_of(WORDS, [[0, 1, 2]]))
    assert x.shape == (1, 3, settings.input_size)
    torch.testing.assert_close(x[..., :6], embedding.embedding.weight[None, 1:4])


@every_cell
def test_a_words_vector_does_not_depend_on_longer_words_beside_it(cell):
    embedding, _ = embedding_of(cell, word_characters=True)
    together = embedding.read_words(spelling_of(WORDS, [[0]]))
    for word, vector in zip(WORDS, together, strict=True):
        torch.testing.assert_close(vector, alone(embedding, word), atol=1e-6, rtol=1e-5)


@every_cell
def test_a_words_vector_is_the_last_state_of_each_direction(cell):
    embedding, _ = embedding_of(cell, word_characters=True)
    reader, word = embedding.reader, torch.tensor([WORDS[2]])
    ends = [
        stack(reader.embedding(ids))[1][0][0, 0] for stack, ids in ((reader.forward_stack, word), (reader.backward_stack, word.flip(1)))
    ]
    torch.testing.assert_close(alone(embedding, WORDS[2]), torch.cat(ends), atol=1e-6, rtol=1e-5)


@every_cell
def test_padding_has_no_part_in_the_gradient_of_a_words_characters(cell):
    embedding, _ = embedding_of(cell, word_characters=True)
    embedding.read_words(spelling_of(WORDS, [[0]])).square().sum().backward()
    used = {character for word in WORDS for character in word}
    assert {row for row, slopes in enumerate(embedding.reader.embedding.weight.grad) if slopes.any()} == used


def test_every_length_of_word_finds_its_place():
    embedding, _ = embedding_of(word_characters=True)
    words = [[1 + length % 7] * length for length in (SHORT, 1, 2 * SHORT, SHORT + 1, 4 * SHORT + 1, 2 * SHORT + 1)]
    for word, vector in zip(words, embedding.read_words(spelling_of(words, [[0]])), strict=True):
        torch.testing.assert_close(vector, alone(embedding, word), atol=1e-6, rtol=1e-5)


def test_a_word_without_characters_has_a_vector_of_zeros():
    embedding, _ = embedding_of(word_characters=True)
    empty = Spelling(torch.zeros(2, 3, dtype=torch.int64), torch.tensor([0, 2]), torch.tensor([[0]]))
    assert embedding.read_words(empty).any(1).tolist() == [False, True]
    nothing = Spelling(torch.zeros(2, 0, dtype=torch.int64), torch.tensor([0, 0]), torch.tensor([[0]]))
    assert not embedding.read_words(nothing).any()


def test_the_characters_are_at_the_places_of_the_index():
    embedding, _ = embedding_of(word_characters=True)
    index = [[4, 0, 0], [2, 4, 1]]
    x = embedding(torch.zeros(2, 3, dtype=torch.int64), spelling_of(WORDS, index))
    for row, places in zip(x, index, strict=True):
        for vector, word in zip(row, places, strict=True):
            torch.testing.assert_close(vector[6:], alone(embedding, WORDS[word]), atol=1e-6, rtol=1e-5)


def test_embedding_dropout_drops_a_word_everywhere():
    embedding, _ = embedding_of(embedding_dropout=0.5)
    tokens = torch.arange(20).repeat(3, 1)
    x = embedding(tokens)
    assert (x == x[:1]).all()
    kept = x[0].any(1)
    assert 0 < kept.sum() < 20
    torch.testing.assert_close(x[0, kept], 2 * embedding.embedding.weight[kept])


def test_embedding_dropout_is_drawn_again_for_every_update_and_never_in_evaluation():
    embedding, _ = embedding_of(embedding_dropout=0.5)
    tokens = torch.arange(20)[None]
    assert (embedding(tokens) != embedding(tokens)).any()
    assert (embedding.eval()(tokens)[0] == embedding.embedding.weight).all()
