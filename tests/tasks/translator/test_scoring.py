"""Forced decoding: scores of pairs side by side are those of each alone."""

import numpy as np
import pytest
import torch

from charnn.tasks.translator.translating import attention_weights, decoder_tokens, score
from charnn.tokenizers.vocabulary import END, START
from tests.translators import PAIRS, batch_of, read, translator

CPU = torch.device("cpu")


def test_a_pairs_score_does_not_depend_on_the_pairs_beside_it():
    model = translator("subword")
    together, alone = score(model.network, read(model)), [score(model.network, read(model, [pair])) for pair in PAIRS]
    assert together.nats.tolist() == pytest.approx([float(one.nats[0]) for one in alone], rel=1e-5)
    for found, one in zip(together.weights, alone, strict=True):
        np.testing.assert_allclose(found, one.weights[0], atol=1e-5)


def test_weights_of_a_score_are_of_the_pairs_own_tokens_and_sum_to_one():
    model = translator()
    pairs = read(model)
    for pair, weights, *lengths in zip(PAIRS, score(model.network, pairs).weights, pairs.target.lengths, pairs.source.lengths, strict=True):
        assert weights.shape == (*lengths,)
        np.testing.assert_allclose(weights.sum(1), 1, atol=1e-5)
        source, target = (
            model.languages.encode(model.languages.source, pair.source),
            model.languages.encode(model.languages.target, pair.target),
        )
        np.testing.assert_allclose(attention_weights(model.network, source, target), weights, atol=1e-5)


def test_no_pairs_have_no_scores():
    scored = score(translator().network, read(translator(), []))
    assert (len(scored.nats), len(scored.tokens), scored.weights) == (0, 0, [])


def test_inputs_are_the_targets_one_later_behind_a_start():
    model = translator("word", shared=False)
    inputs, targets = decoder_tokens(batch_of(model, PAIRS[:2]).target, CPU)
    ids = [model.languages.encode(model.languages.target, pair.target).tolist() for pair in PAIRS[:2]]
    assert targets.tolist() == [[*ids[0], END], [*ids[1], END, -1]]
    assert [row[: len(one) + 1] for row, one in zip(inputs.tolist(), ids, strict=True)] == [[START, *one] for one in ids]
