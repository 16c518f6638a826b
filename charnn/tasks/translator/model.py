"""The translator: pairs of texts to token ids, teacher forcing, and the scores of given translations."""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from charnn.batches.pairs import PairBatch, PairBatches, PairSet
from charnn.batches.texts import TextBatch, TextSet, text_set
from charnn.cells.rowwise import reading
from charnn.data.pairs import Pair
from charnn.tasks.encoding import drop_words, tensors_of
from charnn.tasks.translator.network import TranslatorNetwork
from charnn.tasks.translator.preparation import SIGNS, Kept, keep, keep_in_pair, normal, signs_of
from charnn.tasks.translator.settings import TranslatorLossSettings, TranslatorSettings
from charnn.tasks.weights import put_weights, weights_of, without_memory
from charnn.tokenizers.protocol import Tokenizer
from charnn.tokenizers.subwords import SubwordTokenizer
from charnn.tokenizers.vocabulary import END, START, UNKNOWN
from charnn.tokenizers.words import WordTokenizer
from charnn.training.task import Group, Loss, all_alike

READ_PAIRS, READ_TOKENS = 128, 16384
"""Pairs, and tokens of both sides, read at once where nothing is learned."""

RARE = 0.01
"""Times that a token is taken to occur which no target has: in a shared vocabulary many are of the source alone."""

GOLDEN = 0.6180339887498949

LEAST_SIGNS = 20
"""Pairs that have shown a sign before it is known."""


class Prepared(NamedTuple):
    """A pair as the tokenizers take it."""

    source: str
    target: str


class Scored(NamedTuple):
    """Forced decoding of pairs."""

    nats: NDArray[np.float64]  # (pairs,) of the whole targets, end tokens included
    tokens: NDArray[np.int64]  # (pairs,) predicted
    weights: list[NDArray[np.float32]]  # (target, source) attention of each, end tokens included


class Translator:
    """Two tokenizers, which may be one, and a network."""

    name = "translator"

    def __init__(self, settings: TranslatorSettings, source: Tokenizer, target: Tokenizer, signs: int = 0) -> None:
        self.settings = settings
        self.source, self.target = source, target
        self.signs = signs  # so many of them training has seen often enough
        torch.manual_seed(settings.loop.seed)
        self.network = TranslatorNetwork(
            settings.network, source_size=source.size, target_size=target.size, is_shared=settings.objective.shared_vocabulary
        )

    @classmethod
    def restore(
        cls,
        settings: TranslatorSettings,
        source: Tokenizer,
        target: Tokenizer,
        signs: int,
        tensors: Mapping[str, NDArray[Any]],
    ) -> "Translator":
        """The model of a model file; raises CheckpointError where the weights do not fit the settings."""
        with without_memory():
            model = cls(settings, source, target, signs)
        model.take_weights(tensors)
        model.network.eval()
        return model

    def take_weights(self, tensors: Mapping[str, NDArray[Any]]) -> None:
        """Puts the weights of a model file into the network; raises CheckpointError where names or shapes differ."""
        put_weights(self.network, tensors, self._repeated())

    @property
    def copies_unknown(self) -> bool:
        """May it write an unknown word, which attention then replaces by a word of the source?"""
        return (
            isinstance(self.target, WordTokenizer) and isinstance(self.source, WordTokenizer) and self.settings.network.attention != "none"
        )

    def learned(self) -> dict[str, Any]:
        """What was learned besides tensors, as JSON-ready data."""
        is_shared = self.settings.objective.shared_vocabulary
        return {
            "source": self.source.learned(),
            "target": None if is_shared else self.target.learned(),
            "signs": self.signs,
        }

    def tensors(self) -> dict[str, NDArray[Any]]:
        """Weights by name, each once, and what the tokenizers bring below `tokenizer.source.` and `tokenizer.target.`."""
        tokenizers = {"source": self.source} | ({} if self.settings.objective.shared_vocabulary else {"target": self.target})
        own = {f"tokenizer.{side}.{name}": array for side, one in tokenizers.items() for name, array in one.tensors().items()}
        repeated = self._repeated()
        return {name: array for name, array in weights_of(self.network).items() if name not in repeated} | own

    @torch.no_grad()
    def expect(self, pairs: PairSet) -> None:
        """Lets the network begin with the share of each token among the targets, so that it need not learn it through its readouts.

        Two pairs are learned by heart so; else their readouts saturate on the way, and stay so.
        """
        counts = np.bincount(pairs.target.ids, minlength=self.target.size) + RARE
        self.network.output.bias.copy_(torch.from_numpy(np.log(counts / counts.sum())))

    def groups(self) -> list[Group]:
        """All weights learn alike."""
        return all_alike(self.network)

    def encode(self, tokenizer: Tokenizer, text: str) -> NDArray[Any]:
        """The ids of a prepared text, without an end; subwords are given the space that a word within a text has before it."""
        return tokenizer.encode(f" {text}" if text and isinstance(tokenizer, SubwordTokenizer) else text)

    def prepare_pairs(self, pairs: Sequence[Pair]) -> list[Prepared]:
        """Given translations as they are scored."""
        return [Prepared(*keep_in_pair(normal(one.source), normal(one.target), signs=self.signs)) for one in pairs]

    def prepare(self, text: str) -> Kept:
        """A source as the tokenizer takes it, and what its signs stand for."""
        return keep(normal(text), self.signs)

    def read(self, pairs: Sequence[Prepared]) -> PairSet:
        """Prepared pairs as token ids."""
        sides = (self.source, [one.source for one in pairs]), (self.target, [one.target for one in pairs])
        return PairSet(*(_ended(self.encode(tokenizer, text) for text in texts) for tokenizer, texts in sides))

    def read_sampled(self, pairs: Sequence[Prepared], alpha: float, seed: int) -> PairSet:
        """The same in divisions into subwords that the seed draws."""
        assert isinstance(self.source, SubwordTokenizer)
        assert isinstance(self.target, SubwordTokenizer)
        sources, targets = ([f" {text}" for text in texts] for texts in zip(*pairs, strict=True))
        rows = self.source.encode_sampled(sources, alpha, seed), self.target.encode_sampled(targets, alpha, seed + 1)
        return PairSet(*map(_ended, rows))

    def batches(self, pairs: Sequence[Prepared]) -> PairBatches:
        """The training batches of pairs."""
        loop, alpha = self.settings.loop, self.settings.objective.subword_sampling

        def resample(epoch: int) -> PairSet:
            assert alpha is not None
            return self.read_sampled(pairs, alpha, (loop.seed * 7919 + 2 * epoch) % (2**31 - 1))

        sampled = None if alpha is None else resample
        return PairBatches(self.read(pairs), batch_size=loop.batch_size, budget=loop.batch_tokens, seed=loop.seed, resample=sampled)

    def loss(self, batch: PairBatch, carry: None) -> Loss:
        """Summed nats of a batch's target tokens, given all before each; smoothed while training."""
        is_training = self.network.training
        inputs, targets = self.inputs(batch.target)
        source, lengths = tensors_of(batch.source, inputs.device)
        dropped = self.settings.objective.word_dropout if is_training else 0.0
        memory, state = self.network.encode(drop_words(source, dropped), lengths)
        share = sampled_share(self.settings.objective, batch.epoch) if is_training else 0.0
        if share:
            inputs = self._mixed(inputs, memory, state, share)
        readouts, _, _ = self.network.decode(drop_words(inputs, dropped), memory, state)
        is_token = targets >= 0
        smoothing = self.settings.objective.label_smoothing if is_training else 0.0
        logits = self.network.logits(readouts[is_token]).float()  # (tokens, vocabulary): none for padding
        total = nn.functional.cross_entropy(logits, targets[is_token], reduction="sum", label_smoothing=smoothing)
        return Loss(total, int(batch.target.lengths.sum()), None)

    @reading()
    def score(self, pairs: PairSet) -> Scored:
        """How probable the targets are, and where each of their tokens looked."""
        nats, weights = np.zeros(len(pairs)), [np.zeros((0, 0), np.float32)] * len(pairs)
        for numbers, batch in pairs.by_length(READ_PAIRS, READ_TOKENS):
            inputs, targets = self.inputs(batch.target)
            memory, state = self.network.encode(*tensors_of(batch.source, inputs.device))
            readouts, looks, _ = self.network.decode(inputs, memory, state)
            is_token = targets >= 0
            logits = self.network.logits(readouts[is_token]).float()  # (tokens, vocabulary)
            losses = torch.zeros(targets.shape, dtype=torch.float64, device=targets.device)
            losses[is_token] = nn.functional.cross_entropy(logits, targets[is_token], reduction="none").double()
            nats[numbers] = losses.sum(1).cpu().numpy()
            for number, row, target, source in zip(numbers, looks.cpu().numpy(), batch.target.lengths, batch.source.lengths, strict=True):
                weights[number] = row[:target, :source].copy()
        return Scored(nats, pairs.target.lengths, weights)

    def look(self, source: Sequence[int] | NDArray[Any], target: Sequence[int] | NDArray[Any]) -> NDArray[np.float32]:
        """Where each id of a target looked in a source: (target + 1, source + 1), both with their end tokens."""
        return self.score(PairSet(_ended([np.asarray(source, np.int64)]), _ended([np.asarray(target, np.int64)]))).weights[0]

    def inputs(self, batch: TextBatch) -> tuple[Tensor, Tensor]:
        """(batch, target) ids that the decoder reads, and those that it predicts, -1 behind the end."""
        device = self.network.output.weight.device
        targets, lengths = tensors_of(batch, device)
        inputs = torch.cat([torch.full_like(targets[:, :1], START), targets[:, :-1]], 1)
        behind = torch.arange(targets.shape[1], device=device) >= lengths[:, None]
        return inputs, targets.masked_fill(behind, -1)

    @torch.no_grad()
    def _mixed(self, inputs: Tensor, memory: Any, state: Any, share: float) -> Tensor:
        """A share of the ids replaced by what the network predicts there, all at once (Duckworth et al. 2019)."""
        readouts, _, _ = self.network.decode(inputs, memory, state)
        logits = self.network.logits(readouts[:, :-1])
        logits[..., [START, END, UNKNOWN]] = -torch.inf
        predicted = torch.cat([inputs[:, :1], logits.argmax(-1)], 1)
        is_taken = torch.rand(inputs.shape, device=inputs.device) < share
        return torch.where(is_taken, predicted, inputs)

    def _repeated(self) -> dict[str, str]:
        """Names of weights that are others under another name, and the names of those."""
        source, target = (f"{side}_embedding.embedding.weight" for side in ("source", "target"))
        is_shared = self.settings.objective.shared_vocabulary
        tied = {"output.weight": source if is_shared else target} if self.settings.network.tie_weights else {}
        return tied | ({target: source} if is_shared else {})


def sampled_share(settings: TranslatorLossSettings, epoch: float) -> float:
    """The share of its own predictions that the decoder reads after so many epochs (Bengio et al. 2015, section 2.4)."""
    progress = epoch / settings.sampling_epochs
    return settings.sampling_share * RISES[settings.scheduled_sampling](progress)


RISES: dict[str, Callable[[float], float]] = {
    "none": lambda progress: 0.0,
    "constant": lambda progress: 1.0,
    "linear": lambda progress: min(1.0, progress),
    "sigmoid": lambda progress: 1 / (1 + math.exp(-10 * (min(progress, 2.0) - 0.5))),
}
"""The share of the greatest share after a share of the epochs."""


def prepare_to_learn(pairs: Sequence[Pair], *, keeps: bool) -> list[Prepared]:
    """Both sides in normal form; where something is kept, with signs in its place, and with more signs to learn from."""
    prepared = [Prepared(normal(one.source), normal(one.target)) for one in pairs]
    if not keeps:
        return prepared
    # A draw of each pair's own; the golden ratio spreads them evenly.
    return [Prepared(*keep_in_pair(*one, number * GOLDEN % 1.0)) for number, one in enumerate(prepared)]


def known_signs(pairs: Sequence[Prepared]) -> int:
    """How many signs, from the first, enough pairs have on both sides."""
    counts = Counter(sign for one in pairs for sign in signs_of(one.source) & signs_of(one.target))
    return next(sign for sign in range(SIGNS + 1) if counts[sign] < LEAST_SIGNS)


def _ended(rows: Iterable[NDArray[Any]]) -> TextSet:
    return text_set([np.append(row, END) for row in rows], lambda ids: ids)
