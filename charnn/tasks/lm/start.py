"""A language model that continues from a trained one: new symbols of the text extend its vocabulary."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from charnn.data.tokenized import TokenizedText
from charnn.errors import SettingError
from charnn.tasks.lm.settings import LanguageModelSettings
from charnn.tasks.task import KEPT
from charnn.tasks.tensors import take_rows
from charnn.tokenizers.registry import Chunks, Grows, Tokenizer, TokenizerSettings, extended_tokenizer
from charnn.tokenizers.vocabulary import SPECIALS

SHOWN = 8  # Symbols that are named where many are counted
READ = 1 << 20  # Token ids read at once
KINDS = {True: "documents", False: "running text"}


@dataclass(frozen=True)
class TrainedStart:
    """A trained model to continue from; `growth` contains settings of GROWTH that replace its own."""

    trained: Any  # A LanguageModel, whose module imports this one
    growth: Mapping[str, Any] = field(default_factory=dict)

    def adapted(self, settings: LanguageModelSettings) -> LanguageModelSettings:
        """Return the settings with those of the trained model; raise SettingError where its vocabulary cannot grow so."""
        brought, size, name = self.trained.settings, self.trained.tokenizer.size, self.trained.name
        if self.growth and not self._can_grow:
            raise SettingError(next(iter(self.growth)), f"has no effect on the vocabulary of {name}, which stays as it is; leave it out")
        tokens = replace(brought.tokens, **self.growth)
        if "vocabulary_size" in self.growth and (tokens.vocabulary_size or size) < size:
            raise SettingError("vocabulary_size", f"must be at least {size:,}: all tokens of {name} stay; got {tokens.vocabulary_size:,}")
        kept = {one: getattr(settings.network.stack, one) for one in KEPT}
        return replace(settings, tokens=tokens, network=replace(brought.network, stack=replace(brought.network.stack, **kept)))

    def tokenizer(self, chunks: Chunks, settings: TokenizerSettings) -> Tokenizer:
        """Return the trained model's tokenizer, extended by the text's new symbols where it can grow."""
        known: Tokenizer = self.trained.tokenizer
        return extended_tokenizer(known, chunks, settings) if self._can_grow else known

    def labels(self, found: list[str]) -> list[str]:
        """Return the trained model's labels, then the new ones of the corpus; raise SettingError where only the model has labels."""
        known = self.trained.labels
        if known and not found:
            where = "--label-column or --labels-from-files"
            raise SettingError("init_from", f"{self.trained.name} was trained with labels, and this corpus has none; give {where}")
        return [*known, *(label for label in found if label not in known)]

    @torch.no_grad()
    def fill(self, model: Any, text: TokenizedText) -> list[tuple[str, str]]:
        """Copy the weights; return in words the known and the new symbols of the training text."""
        known = dict(self.trained.network.named_parameters())
        for name, weight in model.network.named_parameters():
            if name in known:
                take_rows(weight, known[name])
            else:
                weight.zero_()  # New labels of a model that had none: they change nothing yet, but can learn.
        size, count, tokenizer = self.trained.tokenizer.size, len(self.trained.labels), model.tokenizer
        symbols = [repr(tokenizer.symbol(id)) for id in range(len(SPECIALS), tokenizer.size)]
        lines = [_sentence("tokens", size, symbols, text.ids, len(SPECIALS))]
        if text.labels is not None:
            lines.append(_sentence("labels", count, model.labels, text.labels))
        before, now = KINDS[self.trained.is_documents], KINDS[text.starts is not None]
        if before != now:
            lines.append(f"trained on {before}, continues with {now}")
        return [*(("start", f"{self.trained.name}: {one}") for one in lines), *self._unknown(model.settings.tokens, text)]

    @property
    def _can_grow(self) -> bool:
        """Can the vocabulary grow? An adaptive softmax divides it by its size, so that weights would belong to other tokens."""
        return isinstance(self.trained.tokenizer, Grows) and not self.trained.settings.network.adaptive_softmax

    def _unknown(self, settings: TokenizerSettings, text: TokenizedText) -> list[tuple[str, str]]:
        """Return the unknown symbols of the text, and why the vocabulary leaves them out."""
        if not text.counts.unknown:
            return []
        if self._can_grow:
            why = f"left out by --min-count {settings.min_count}, --vocabulary-size {settings.vocabulary_size or 'none'}"
        else:
            is_adaptive = self.trained.settings.network.adaptive_softmax
            why = "an adaptive softmax keeps its vocabulary" if is_adaptive else "the vocabulary stays as it is"
        return [("unknown", f"{len(text.counts.unknown_symbols):,} symbols of the training text, {text.counts.unknown:,} times: {why}")]


def _sentence(what: str, known: int, names: Sequence[str], ids: NDArray[np.integer[Any]], first: int = 0) -> str:
    """Return `68 tokens known, 2 new: 'é', '—'; 1 of the known not in the training text: 'Q'`; names: of the ids from `first` on."""
    is_found = np.zeros(first + len(names), bool)
    for begin in range(0, len(ids), READ):  # a piece at a time, as ids may lie on a disk
        is_found[ids[begin : begin + READ]] = True
    new = names[known - first :]
    absent = [name for name, is_there in zip(names[: known - first], is_found[first:known], strict=True) if not is_there]
    added = f"{len(new):,} new: {_first(new)}" if new else "none new"
    lacking = f"; {len(absent):,} of the known not in the training text: {_first(absent)}" if absent else ""
    return f"{known:,} {what} known, {added}{lacking}"


def _first(symbols: Sequence[str]) -> str:
    return ", ".join(symbols[:SHOWN]) + (" ..." if len(symbols) > SHOWN else "")
