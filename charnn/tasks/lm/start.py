"""Where a language model begins: at random, or in a trained one whose vocabulary grows by what is new in the text."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from charnn.cells.settings import StackSettings
from charnn.data.tokenized import TokenizedText
from charnn.engine.settings import LanguageNetworkSettings
from charnn.errors import SettingError
from charnn.settings import own_settings
from charnn.tasks.inheritance import take_rows
from charnn.tasks.lm.model import LanguageModel
from charnn.tasks.lm.settings import LanguageModelSettings
from charnn.tasks.lm.trained import TrainedLanguageModel
from charnn.tokenizers.protocol import Chunks, Tokenizer, TokenizerSettings
from charnn.tokenizers.registry import GROWING, extended_tokenizer, fit_tokenizer
from charnn.tokenizers.vocabulary import SPECIALS

KEPT = ("dropout", "locked_dropout")
"""Settings of the network that do not come from the trained model."""

GROWTH = ("min_count", "vocabulary_size")
"""Settings of the tokenizer that may be given anew: they choose among the symbols that are new."""

ADOPTED = tuple(
    one.name
    for kind in (TokenizerSettings, StackSettings, LanguageNetworkSettings)
    for one in own_settings(kind)
    if one.name not in (*KEPT, *GROWTH)
)
"""Settings that come from the trained model."""

SHOWN = 8
"""Symbols that are named where many are counted."""

READ = 1 << 20
"""Token ids looked at at once."""


class RandomStart:
    """All is learned from the text."""

    def adapted(self, settings: LanguageModelSettings) -> LanguageModelSettings:
        """The settings as they are."""
        return settings

    def tokenizer(self, chunks: Chunks, settings: TokenizerSettings) -> Tokenizer:
        """One fitted to the text."""
        return fit_tokenizer(chunks, settings)

    def labels(self, found: list[str]) -> list[str]:
        """Those of the corpus."""
        return found

    def fill(self, model: LanguageModel, text: TokenizedText) -> list[tuple[str, str]]:
        """Changes nothing, and has nothing to say."""
        return []


@dataclass(frozen=True)
class TrainedStart:
    """A trained model to go on from; `growth` holds settings of GROWTH that replace its own."""

    trained: TrainedLanguageModel
    growth: Mapping[str, Any] = field(default_factory=dict)

    def adapted(self, settings: LanguageModelSettings) -> LanguageModelSettings:
        """The settings with those that the trained model brings. Raises SettingError for a growth that cannot be."""
        brought, size, name = self.trained.settings, self.trained.tokenizer.size, self.trained.name
        if self.growth and not self._can_grow:
            raise SettingError(next(iter(self.growth)), f"has no effect on the vocabulary of {name}, which stays as it is; leave it out")
        tokens = replace(brought.tokens, **self.growth)
        if "vocabulary_size" in self.growth and (tokens.vocabulary_size or size) < size:
            raise SettingError("vocabulary_size", f"must be at least {size:,}: all tokens of {name} stay; got {tokens.vocabulary_size:,}")
        kept = {one: getattr(settings.network.stack, one) for one in KEPT}
        return replace(settings, tokens=tokens, network=replace(brought.network, stack=replace(brought.network.stack, **kept)))

    def tokenizer(self, chunks: Chunks, settings: TokenizerSettings) -> Tokenizer:
        """The trained model's, with the symbols that are new in the text behind its own, where it can grow."""
        known = self.trained.tokenizer
        return extended_tokenizer(known, chunks, settings) if self._can_grow else known

    def labels(self, found: list[str]) -> list[str]:
        """The trained model's, with those that are new in the corpus behind them. Raises SettingError where that has none."""
        known = self.trained.labels
        if known and not found:
            where = "--label-column or --labels-from-files"
            raise SettingError("init_from", f"{self.trained.name} was trained with labels, and this corpus has none; say where: {where}")
        return [*known, *(label for label in found if label not in known)]

    @torch.no_grad()
    def fill(self, model: LanguageModel, text: TokenizedText) -> list[tuple[str, str]]:
        """Puts the weights in their places; says what is known, and what is new, of the training text. Raises CheckpointError."""
        known = dict(self.trained.network.network.named_parameters())
        for name, weight in model.network.named_parameters():
            if name in known:
                take_rows(weight, known[name])
            else:
                weight.zero_()  # Labels of a model that had none: so they change nothing yet, and learn all the same.
        said = [self._tokens(model.tokenizer, text), *self._labels(model.labels, text), *self._kinds(text)]
        return [*(("start", f"{self.trained.name}: {one}") for one in said), *self._unknown(model.settings.tokens, text)]

    @property
    def _can_grow(self) -> bool:
        """An adaptive softmax cuts a vocabulary by its size, and so would mean other tokens."""
        settings = self.trained.settings
        return settings.tokens.tokenizer in GROWING and not settings.network.adaptive_softmax

    def _tokens(self, tokenizer: Tokenizer, text: TokenizedText) -> str:
        known, is_found = self.trained.tokenizer.size, _found(text.ids, tokenizer.size)
        missing = [number for number in range(len(SPECIALS), known) if not is_found[number]]
        new, absent = ([repr(tokenizer.symbol(id)) for id in ids] for ids in (range(known, tokenizer.size), missing))
        return _sentence("tokens", known, new, absent)

    def _labels(self, labels: Sequence[str], text: TokenizedText) -> list[str]:
        if text.labels is None:
            return []
        known, is_found = len(self.trained.labels), _found(text.labels, len(labels))
        return [_sentence("labels", known, labels[known:], [labels[number] for number in range(known) if not is_found[number]])]

    def _kinds(self, text: TokenizedText) -> list[str]:
        before, now = (KINDS[are_documents] for are_documents in (self.trained.is_documents, text.starts is not None))
        return [] if before == now else [f"trained on {before}, goes on with {now}"]

    def _unknown(self, settings: TokenizerSettings, text: TokenizedText) -> list[tuple[str, str]]:
        """Symbols of the text that the vocabulary does not take, and why."""
        if not text.counts.unknown:
            return []
        why = "the vocabulary stays as it is"
        if self.trained.settings.network.adaptive_softmax:
            why = "an adaptive softmax keeps its vocabulary"
        if self._can_grow:
            why = f"left out by --min-count {settings.min_count}, --vocabulary-size {settings.vocabulary_size or 'none'}"
        return [("unknown", f"{len(text.counts.unknown_symbols):,} symbols of the training text, {text.counts.unknown:,} times: {why}")]


KINDS = {True: "documents", False: "running text"}


def _sentence(what: str, known: int, new: Sequence[str], absent: Sequence[str]) -> str:
    """`68 tokens known, 2 new: 'é', '—'; 1 of the known not in the training text: 'Q'`."""
    added = f"{len(new):,} new: {_first(new)}" if new else "none new"
    lacking = f"; {len(absent):,} of the known not in the training text: {_first(absent)}" if absent else ""
    return f"{known:,} {what} known, {added}{lacking}"


def _first(symbols: Sequence[str]) -> str:
    return ", ".join(symbols[:SHOWN]) + (" ..." if len(symbols) > SHOWN else "")


def _found(ids: NDArray[np.integer[Any]], size: int) -> NDArray[np.bool_]:
    """(size,) which numbers occur; a piece at a time, as ids may lie on a disk."""
    found = np.zeros(size, bool)
    for begin in range(0, len(ids), READ):
        found[ids[begin : begin + READ]] = True
    return found
