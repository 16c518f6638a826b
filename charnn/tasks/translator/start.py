"""Where the weights of a translator begin: at random, or in language models of the two languages."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain

import torch

from charnn.cells.settings import StackSettings
from charnn.errors import SettingError
from charnn.settings import own_settings
from charnn.tasks.inheritance import take_embedding
from charnn.tasks.lm.trained import TrainedLanguageModel
from charnn.tasks.translator.model import Prepared, Translator
from charnn.tasks.translator.settings import TranslatorSettings
from charnn.tokenizers.protocol import Chunks, Tokenizer, TokenizerSettings
from charnn.tokenizers.registry import extended_tokenizer, fit_tokenizer
from charnn.tokenizers.subwords import SubwordTokenizer

SUBWORDS = 4000
"""Subwords in a vocabulary where no number is given, if the pairs allow so many."""

KEPT = ("dropout", "locked_dropout", "layers", "residual", "layer_norm", "initial_state")
"""Settings of a stack that do not come from a language model."""

ADOPTED = (
    *(one.name for one in own_settings(StackSettings) if one.name not in KEPT),
    *(one.name for one in own_settings(TokenizerSettings)),
    "embedding_size",
    "shared_vocabulary",
)
"""Settings that come from language models, where there are any."""


@dataclass(frozen=True)
class TranslatorStart:
    """Language models that the encoder and the decoder begin with; each brings its tokenizer, its embedding and its lowest layer."""

    encoder: TrainedLanguageModel | None = None
    decoder: TrainedLanguageModel | None = None

    def adapted(self, settings: TranslatorSettings) -> TranslatorSettings:
        """The settings with those that the language models bring. Raises SettingError where they cannot go together."""
        brought = [one for one in (self.encoder, self.decoder) if one is not None]
        if not brought:
            return settings
        first = brought[0].settings
        _check_alike(brought[0], brought[-1])
        network = settings.network
        if network.input_feeding and self.decoder is not None:
            raise SettingError("input_feeding", "cannot be combined with --init-decoder, whose layers know no feed; leave one out")
        kept = {name: getattr(network.stack, name) for name in KEPT}
        stack = replace(first.network.stack, **kept)
        network = replace(network, stack=stack, embedding_size=first.network.width)
        objective = replace(settings.objective, shared_vocabulary=False)
        return replace(settings, tokens=first.tokens, network=network, objective=objective)

    def tokenizers(self, pairs: Sequence[Prepared], settings: TranslatorSettings) -> tuple[Tokenizer, Tokenizer]:
        """Those of the language models, with the symbols that are new in the pairs; else fitted to the pairs."""
        space = " " if settings.tokens.tokenizer == "subword" else ""

        def sources() -> Iterator[str]:
            return (f"{space}{one.source}\n" for one in pairs)

        def targets() -> Iterator[str]:
            return (f"{space}{one.target}\n" for one in pairs)

        if settings.objective.shared_vocabulary:
            both = _fit(lambda: chain(sources(), targets()), settings.tokens)
            return both, both
        return _tokenizer(self.encoder, sources, settings), _tokenizer(self.decoder, targets, settings)

    def fill(self, model: Translator) -> list[tuple[str, str]]:
        """Puts the weights in their places; says how many rows of the embeddings were found. Raises CheckpointError."""
        network, lines = model.network, []
        if self.encoder is not None:
            first = {name: one for name, one in network.encoder.forward_stack.state_dict().items() if name.startswith("cells.")}
            lines.append(("encoder", _take(self.encoder, network.source_embedding.embedding.weight, first)))
        if self.decoder is not None:
            first = {name: one for name, one in network.decoder.state_dict().items() if name.startswith("cells.0.")}
            lines.append(("decoder", _take(self.decoder, network.target_embedding.embedding.weight, first)))
        return lines


def _tokenizer(model: TrainedLanguageModel | None, chunks: Chunks, settings: TranslatorSettings) -> Tokenizer:
    if model is None:
        return _fit(chunks, settings.tokens)
    return extended_tokenizer(model.tokenizer, chunks, model.settings.tokens)


def _fit(chunks: Chunks, settings: TokenizerSettings) -> Tokenizer:
    if settings.tokenizer == "subword":
        return SubwordTokenizer.fit(chunks, settings, SUBWORDS)
    return fit_tokenizer(chunks, settings)


def _check_alike(one: TrainedLanguageModel, other: TrainedLanguageModel) -> None:
    """Raises SettingError unless encoder and decoder can have the same settings."""
    pairs = {
        name: [getattr(model.settings.network.stack, name) for model in (one, other)] for name in ("cell", "activation", "hidden_size")
    }
    pairs |= {"embedding_size": [model.settings.network.width for model in (one, other)]}
    pairs |= {"tokenizer": [model.settings.tokens.tokenizer for model in (one, other)]}
    for name, (ours, theirs) in pairs.items():
        if ours != theirs:
            raise SettingError("init_decoder", f"has {name} {theirs} where --init-encoder has {ours}; train one of them again")


@torch.no_grad()
def _take(model: TrainedLanguageModel, embedding: torch.Tensor, layers: dict[str, torch.Tensor]) -> str:
    """Copies the embedding's rows and all layers that both have."""
    known, taken = take_embedding(model, embedding), 0
    for name, weight in layers.items():
        other = model.saved.tensors.get(f"stack.{name}")
        if other is not None and other.shape == tuple(weight.shape):
            weight.copy_(torch.from_numpy(other))
            taken += name.endswith("hidden_to_gates")
    return f"{known}, layers {taken}"
