"""Divisions drawn at random: their probabilities are those of sentencepiece, and the seed alone decides."""

import subprocess
import sys
from collections import Counter

import pytest
from sentencepiece import SentencePieceProcessor, set_random_generator_seed

from charnn.tokenizers.registry import TokenizerSettings
from charnn.tokenizers.subwords import SubwordTokenizer

TEXT = (
    "".join(f"the {noun} of the {verb}ing characters and {verb}s\n" for noun in ("model", "text", "word") for verb in ("read", "learn")) * 5
)
DRAWS = 4000


def fit(kind: str) -> SubwordTokenizer:
    return SubwordTokenizer.fit(lambda: iter([TEXT]), TokenizerSettings(tokenizer="subword", subword_model=kind), 330)


@pytest.mark.parametrize("kind", ["unigram", "bpe"])
@pytest.mark.parametrize("alpha", [0.1, 0.5])
def test_each_division_is_as_frequent_as_sentencepiece_draws_it(kind, alpha):
    """The total variation between two samples of one distribution is below 0.08 here; between other ones it is not."""
    tokenizer = fit(kind)
    processor = SentencePieceProcessor(model_proto=tokenizer.tensors()["subword_model"].tobytes())
    set_random_generator_seed(1)
    divisions = 0
    for word in (" reading", " models", " words"):
        ours = Counter(tuple(ids.tolist()) for ids in tokenizer.encode_sampled([word] * DRAWS, alpha, seed=1))
        theirs = Counter(tuple(processor.encode(word, enable_sampling=True, alpha=alpha, nbest_size=-1)) for _ in range(DRAWS))
        divisions += len(ours)
        assert sum(abs(ours[one] - theirs[one]) for one in {*ours, *theirs}) / (2 * DRAWS) < 0.08
    assert divisions > 3


@pytest.mark.parametrize("kind", ["unigram", "bpe"])
def test_another_process_draws_the_same_divisions(kind):
    """The random numbers of sentencepiece depend on the thread, so a resumed training was another one."""
    code = f"from tests.tokenizers.test_divisions import *; print([one.tolist() for one in fit({kind!r}).encode_sampled([TEXT], 0.2, 7)])"
    found = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert found.stdout.strip() == str([one.tolist() for one in fit(kind).encode_sampled([TEXT], 0.2, 7)])


@pytest.mark.parametrize("kind", ["unigram", "bpe"])
def test_a_character_of_no_piece_becomes_its_bytes(kind):
    tokenizer = fit(kind)
    assert tokenizer.decode(tokenizer.encode_sampled([" the Ж中x"], 0.3, 1)[0]) == " the Ж中x"
