"""How fast this machine trains a translator and translates, on made-up sentences of the usual length."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from charnn.batches.texts import PairSet, text_set
from charnn.bench.language import take_turns, timed
from charnn.decoding.settings import BeamSettings
from charnn.tasks.translator.languages import Languages
from charnn.tasks.translator.model import Translator
from charnn.tasks.translator.settings import TranslatorNetworkSettings, TranslatorSettings
from charnn.tasks.translator.translating import SPARE, Limits, search
from charnn.tokenizers.characters import CharTokenizer
from charnn.tokenizers.vocabulary import SPECIALS, Vocabulary
from charnn.training.trainer import Trainer

VOCABULARY, TOKENS, BEAM = 4000, 15, 5  # Tokens of the shared vocabulary, those of a sentence on either side, and the width of the search


@dataclass(frozen=True)
class TranslationRow:
    """One network: source tokens per second of training, of greedy translation, and with a beam."""

    cell: str
    layers: int
    hidden_size: int
    attention: str
    batch: int
    train: float
    greedy: float
    beam: float


def bench_translation(network: TranslatorNetworkSettings, batch: int, rounds: int) -> TranslationRow:
    """Rates of a made-up translator on so many sentences at once; its translations are as long as the sentences."""
    symbols = Vocabulary([chr(0x4E00 + number) for number in range(VOCABULARY - len(SPECIALS))])
    tokenizer = CharTokenizer(symbols, lowercase=False)
    settings = TranslatorSettings(network=network)
    model = Translator(settings, Languages(tokenizer, tokenizer))
    random = np.random.default_rng(1)
    sources, targets = (random.integers(len(SPECIALS), VOCABULARY, (batch, TOKENS)) for _ in range(2))
    pairs = PairSet(*(text_set(list(ids), lambda row: row) for ids in (sources, targets))).batch(np.arange(batch))
    trainer = Trainer(model, settings.optimizer, settings.loop, steps=1_000_000, device=torch.device("cpu"))

    def train(count: int) -> None:
        model.network.train()
        for _ in range(count):
            trainer.advance(pairs)

    runs = [timed(train), *(timed(_translating(model, list(sources), beam)) for beam in (1, BEAM))]
    rates = take_turns(runs, rounds)
    stack = network.stack
    return TranslationRow(stack.cell, stack.layers, stack.hidden_size, network.attention, batch, *(rate * batch * TOKENS for rate in rates))


def _translating(model: Translator, sources: Sequence[Any], beam: int) -> Any:
    # An untrained network never ends by itself.
    limits = Limits(max(0.0, (TOKENS - SPARE) / TOKENS))

    def run(count: int) -> None:
        model.network.eval()
        for _ in range(count):
            search(model.network, sources, BeamSettings(beam), limits=limits)

    return run
