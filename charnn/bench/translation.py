"""The speed of training a translator and of translating on this machine, with random sentences of usual length."""

from functools import partial
from typing import Any

import numpy as np
import torch

from charnn.batches.texts import PairSet, text_set
from charnn.bench.language import repeated, take_turns, timed
from charnn.decoding.settings import BeamSettings
from charnn.tasks.translator.languages import Languages
from charnn.tasks.translator.model import Translator
from charnn.tasks.translator.settings import TranslatorNetworkSettings, TranslatorSettings
from charnn.tasks.translator.translating import SPARE, Limits, search
from charnn.tokenizers.characters import CharTokenizer
from charnn.tokenizers.vocabulary import SPECIALS, Vocabulary
from charnn.training.trainer import Trainer

VOCABULARY, TOKENS, BEAM = 4000, 15, 5  # Tokens of the vocabulary and of a sentence on either side, and the beam


def bench_translation(network: TranslatorNetworkSettings, batch: int, rounds: int) -> dict[str, Any]:
    """Return the sizes of a random translator, and its source tokens per second of training, greedy and beam search."""
    symbols = Vocabulary([chr(0x4E00 + number) for number in range(VOCABULARY - len(SPECIALS))])
    tokenizer = CharTokenizer(symbols, lowercase=False)
    settings = TranslatorSettings(network=network)
    model = Translator(settings, Languages(tokenizer, tokenizer))
    random = np.random.default_rng(1)
    sources, targets = (random.integers(len(SPECIALS), VOCABULARY, (batch, TOKENS)) for _ in range(2))
    pairs = PairSet(*(text_set(list(ids), lambda row: row) for ids in (sources, targets))).batch(np.arange(batch))
    trainer = Trainer(model, settings.optimizer, settings.loop, steps=1_000_000, device=torch.device("cpu"))

    # An untrained network never ends a translation by itself.
    limits = Limits(max(0.0, (TOKENS - SPARE) / TOKENS))

    def train() -> None:
        model.network.train()
        trainer.advance(pairs)

    def translate(beam: int) -> None:
        model.network.eval()
        search(model.network, list(sources), BeamSettings(beam), limits=limits)

    rates = take_turns([timed(repeated(step)) for step in (train, partial(translate, 1), partial(translate, BEAM))], rounds)
    stack = network.stack
    sizes = {"cell": stack.cell, "layers": stack.layers, "hidden_size": stack.hidden_size, "attention": network.attention, "batch": batch}
    return sizes | {name: rate * batch * TOKENS for name, rate in zip(("train", "greedy", "beam"), rates, strict=True)}
