from dataclasses import replace

import pytest
import torch

from charnn.cells.settings import StackSettings
from charnn.layers.encoder import Spelling, within
from charnn.layers.output import TAG_OUTPUTS
from charnn.layers.settings import EncoderSettings
from charnn.tasks.tagger.model import TaggerNetwork
from charnn.tasks.tagger.settings import TaggerNetworkSettings
from tests.networks import CELLS

VOCABULARY, WORDS, CHARACTERS, TAGS, TIME = 20, 6, 9, 4, 8
LENGTHS = torch.tensor([8, 1, 5])
MASK = within(LENGTHS, TIME)
ENCODER = EncoderSettings(StackSettings(hidden_size=8), embedding_size=5, character_size=3, character_hidden_size=4)

every_network = pytest.mark.parametrize(
    ("cell", "output", "bidirectional", "word_characters"),
    [(cell, output, both, both) for cell in CELLS for output in TAG_OUTPUTS for both in (False, True)]
    + [("gru", "crf", True, False), ("gru", "crf", False, True)],
)


def network_of(cell="gru", output="crf", bidirectional=True, word_characters=True, legal=None):
    torch.manual_seed(1)
    stack = replace(ENCODER.stack, cell=CELLS[cell].cell, activation=CELLS[cell].activation)
    encoder = replace(ENCODER, stack=stack, bidirectional=bidirectional, word_characters=word_characters)
    settings = TaggerNetworkSettings(encoder, output=output)
    return TaggerNetwork(settings, vocabulary_size=VOCABULARY, tags=TAGS, characters=CHARACTERS, legal=legal).eval()


def sentences():
    generator = torch.Generator().manual_seed(2)
    tokens = torch.randint(VOCABULARY, (len(LENGTHS), TIME), generator=generator)
    lengths = torch.randint(1, 8, (WORDS,), generator=generator)
    characters = torch.randint(1, CHARACTERS, (WORDS, 7), generator=generator) * (torch.arange(7) < lengths[:, None])
    return tokens, Spelling(characters, lengths, torch.randint(WORDS, tokens.shape, generator=generator)), tokens % TAGS


@every_network
def test_a_sentence_alone_equals_the_sentence_in_a_batch_with_padding(cell, output, bidirectional, word_characters):
    network, (tokens, spelling, tags) = network_of(cell, output, bidirectional, word_characters), sentences()
    scores = network(tokens, LENGTHS, spelling)
    assert scores.shape == (len(LENGTHS), TIME, TAGS)
    chooser = network.output
    losses, paths, marginals = chooser.losses(scores, tags, MASK), chooser.decode(scores, MASK), chooser.marginals(scores, MASK)
    for row, length in enumerate(LENGTHS.tolist()):
        own, place = LENGTHS[row : row + 1], (slice(row, row + 1), slice(length))
        alone = network(tokens[place], own, spelling._replace(index=spelling.index[place]))
        mask = MASK[place]
        torch.testing.assert_close(alone[0], scores[row, :length], atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(chooser.losses(alone, tags[place], mask)[0], losses[row], atol=1e-4, rtol=1e-5)
        torch.testing.assert_close(chooser.marginals(alone, mask)[0], marginals[row, :length], atol=1e-5, rtol=1e-5)
        assert chooser.decode(alone, mask)[0].tolist() == paths[row, :length].tolist()


@pytest.mark.parametrize("output", TAG_OUTPUTS)
def test_a_tagger_learns_the_tag_of_every_token(output):
    network, (tokens, spelling, tags) = network_of("gru", output).train(), sentences()
    optimizer = torch.optim.Adam(network.parameters(), 0.03)
    for _ in range(40):
        optimizer.zero_grad()
        network.output.losses(network(tokens, LENGTHS, spelling), tags, MASK).sum().backward()
        optimizer.step()
    found = network.eval().output.decode(network(tokens, LENGTHS, spelling), MASK)
    assert (found == tags * MASK).all()


@pytest.mark.parametrize("output", TAG_OUTPUTS)
def test_an_untrained_tagger_gives_legal_tags_only(output):
    neighbours = torch.eye(TAGS, dtype=torch.bool).roll(1, 1)  # after each tag only the next
    first = torch.arange(TAGS) == 2
    network, (tokens, spelling, _) = network_of("gru", output, legal=(neighbours, first, torch.ones(TAGS, dtype=torch.bool))), sentences()
    found = network.output.decode(network(tokens, LENGTHS, spelling), MASK)
    assert found.tolist() == [[2, 3, 0, 1, 2, 3, 0, 1], [2] + [0] * 7, [2, 3, 0, 1, 2, 0, 0, 0]]


@pytest.mark.parametrize("output", TAG_OUTPUTS)
def test_a_network_made_without_memory_is_complete_once_it_has_its_weights(output):
    network, (tokens, spelling, _) = network_of("gru", output), sentences()
    with torch.device("meta"):
        other = network_of("gru", output)
    other.load_state_dict(network.state_dict(), assign=True)
    scores = other(tokens, LENGTHS, spelling)
    assert (other.output.decode(scores, MASK) == network.output.decode(network(tokens, LENGTHS, spelling), MASK)).all()
