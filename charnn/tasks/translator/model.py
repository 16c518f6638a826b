"""The translator: a text for a text, by a network over token ids and an interpreter between them and texts."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import chain
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from charnn.batches.texts import PairBatch
from charnn.checkpoint.model import SavedModel
from charnn.data.pairs import Pair, PairData, settings_for
from charnn.data.settings import PairFiles
from charnn.errors import CheckpointError, DataError, SettingError
from charnn.layers.encoder import TokenEmbedding
from charnn.metrics.translation import compare_translations, sentence_chrf, translation_metrics
from charnn.plots.heatmap import of_alignment
from charnn.tasks.lm.model import LanguageModel
from charnn.tasks.start import load_language_model, start_tokenizer, take_embedding
from charnn.tasks.tensors import drop_words, loaded, tensors_of, weights_of
from charnn.tasks.translator import report
from charnn.tasks.translator.check import TranslatorData
from charnn.tasks.translator.interpreter import GREEDY, Decoding, Interpreter, Translation
from charnn.tasks.translator.languages import Languages, Prepared, known_placeholders, prepare_to_learn
from charnn.tasks.translator.network import TranslatorNetwork
from charnn.tasks.translator.settings import KEPT, TranslatorInputs, TranslatorLossSettings, TranslatorSettings
from charnn.tasks.translator.translating import decoder_tokens
from charnn.tasks.views import AttentionMap, Worst, blocks
from charnn.tokenizers.registry import Tokenizer, fit_tokenizer, tokenizer_class
from charnn.tokenizers.vocabulary import END, START, UNKNOWN
from charnn.training.model import Group, Loss, Score, Sources, all_alike

SUBWORDS = 4000  # Subwords of a vocabulary whose size is not given, if the pairs allow them
VALIDATION_PAIRS = 500  # Most pairs of the quick validation while training
SAMPLES = 3  # Validation pairs whose translations are shown while training
RARE = 0.01  # Count of a token in no target: a shared vocabulary has many that occur in sources alone


class Translator:
    """Two languages and a network: untrained, in training or trained."""

    task, loss_unit, rate_unit = "translator", "nats/token", "source words"
    table = staticmethod(report.validation_table)

    def __init__(self, settings: TranslatorSettings, languages: Languages) -> None:
        self.name, self.settings, self.languages = "model", settings, languages
        self.learned = languages.learned  # Returns all besides tensors, as JSON-ready data
        self.starts: list[tuple[str, str]] = []  # The source of initial weights, in words
        torch.manual_seed(settings.loop.seed)
        sizes = {"source_size": languages.source.size, "target_size": languages.target.size}
        self.network = TranslatorNetwork(settings.network, **sizes, is_shared=settings.objective.shared_vocabulary)
        self.interpreter = Interpreter(settings, languages, self.network)

    @classmethod
    def prepare(cls, sources: Sources, settings: TranslatorSettings, inputs: TranslatorInputs | None = None) -> "Translator":
        """Return an untrained model with its data; raise DataError or SettingError for what cannot be trained on."""
        inputs = inputs or TranslatorInputs()
        encoder, decoder = load_language_model(inputs.init_encoder), load_language_model(inputs.init_decoder)
        settings = adapted(settings, encoder, decoder)
        data = TranslatorData.read(sources, settings, inputs)
        prepared = prepare_to_learn(data.train, copies=settings.objective.copy_tokens)
        source, target = fitted_tokenizers(prepared, settings, encoder, decoder)
        model = cls(settings, Languages(source, target, known_placeholders(prepared) if settings.objective.copy_tokens else 0))
        model.starts = fill(model.network, encoder, decoder)
        model._take(data, prepared)
        return model

    def _take(self, data: TranslatorData, prepared: Sequence[Prepared]) -> None:
        """Make the batches to train on and the pairs to validate on."""
        self.data, self.title = data, f"A translator of {data.name}"
        short = self._short(prepared)
        self.too_long = len(prepared) - len(short)
        self.batches = self.languages.batches(short, self.settings)
        target = self.batches.pairs.target
        counts = np.bincount(target.ids, minlength=self.languages.target.size) + RARE
        with torch.no_grad():  # Readouts that must learn the frequencies of target tokens saturate.
            self.network.output.bias.copy_(torch.from_numpy(np.log(counts / counts.sum())))
        self.rate = sum(len(one.source.split()) for one in short) / int(target.lengths.sum())
        order = np.random.default_rng(self.settings.loop.seed).permutation(len(data.valid))[:VALIDATION_PAIRS]
        self.quick = [data.valid[number] for number in order]

    @classmethod
    def restore(cls, saved: SavedModel, name: str = "model") -> "Translator":
        """Return the model of a model file; raise CheckpointError or SettingError for damaged contents."""
        settings = TranslatorSettings.from_plain(saved.settings)
        languages = Languages.restore(saved, settings)
        return loaded(lambda: cls(settings, languages), name, saved.tensors, tied_weights(settings))

    def tensors(self) -> dict[str, NDArray[Any]]:
        """Return weights by name, each once, and the arrays of the tokenizers below `tokenizer.`."""
        tied = tied_weights(self.settings)
        return {name: array for name, array in weights_of(self.network).items() if name not in tied} | self.languages.tensors()

    def groups(self) -> list[Group]:
        """Return all weights as one group."""
        return all_alike(self.network)

    def loss(self, batch: PairBatch, carry: None) -> Loss:
        """Return the summed nats of a batch's target tokens, each given those before it; smoothed while training."""
        objective, is_training = self.settings.objective, self.network.training
        inputs, targets = decoder_tokens(batch.target, self.network.output.weight.device)
        source, lengths = tensors_of(batch.source, inputs.device)
        dropped = objective.word_dropout if is_training else 0.0
        memory, state = self.network.encode(drop_words(source, dropped), lengths)
        fraction = sampled_fraction(objective, batch.epoch) if is_training else 0.0
        if fraction:
            inputs = self._mixed(inputs, memory, state, fraction)
        readouts, _, _ = self.network.decode(drop_words(inputs, dropped), memory, state)
        is_token = targets >= 0
        smoothing = objective.label_smoothing if is_training else 0.0
        logits = self.network.logits(readouts[is_token]).float()  # (tokens, vocabulary): none for padding
        total = nn.functional.cross_entropy(logits, targets[is_token], reduction="sum", label_smoothing=smoothing)
        return Loss(total, int(batch.target.lengths.sum()), None)

    def training_data(self) -> list[Any]:
        """Return all that was read and learned before training."""
        train, languages = self.batches.pairs, self.languages
        ids = [[side.ids, side.starts] for side in (train.source, train.target)]
        learned = [[one.learned(), one.tensors()] for one in (languages.source, languages.target)]
        return [ids, [(one.source, one.target) for one in self.data.valid], learned, languages.placeholders]

    def validate(self) -> Score:
        """Return nats per token of the given translations, and BLEU of greedy ones, on some of the validation pairs."""
        scored = self.interpreter.score(self.quick)
        loss = float(scored.nats.sum()) / int(scored.tokens.sum())
        found = self.interpreter.translations(self.quick, GREEDY)
        bleu = translation_metrics(found, [one.target for one in self.quick], resamples=0)["bleu"]
        is_chosen = self.settings.objective.choose_by == "bleu" and isfinite(loss)
        return Score(loss, {"bleu": bleu}, -bleu if is_chosen else None)

    def finish(self) -> dict[str, Any]:
        """Return BLEU, chrF and loss on the validation part, with a beam and, under `greedy`, without one."""
        use, valid = self.interpreter, self.data.valid
        beam = use.measure(valid, use.translations(valid))
        return {**beam, "greedy": use.measure(valid, use.translations(valid, GREEDY), resamples=0)}

    def facts(self) -> list[tuple[str, str]]:
        """Return the contents of the pairs, the vocabulary and the network, in words."""
        source, target = self.languages.source.size, self.languages.target.size
        sizes = f"{source:,} tokens, shared" if self.settings.objective.shared_vocabulary else f"source {source:,}, target {target:,}"
        longer = f"{self.too_long:,} pairs of more than {self.settings.longest} tokens, left out"
        return [
            *self.data.reading.facts(),
            *self.data.examination.lines(),
            *([("too long", longer)] if self.too_long else []),
            ("vocabulary", f"{sizes} ({self.settings.tokens.tokenizer})"),
            *self.starts,
            ("network", self.settings.network.words()),
        ]

    def commands(self, folder: Path) -> list[str]:
        """Return commands that translate and evaluate."""
        return [f'charnn predict {folder} "Some text."', f"charnn evaluate {folder} FILE.tsv"]

    def example(self, saved: SavedModel, seed: int) -> str | None:
        """Return greedy translations of some validation sources."""
        pairs = [self.quick[(seed + number) % len(self.quick)] for number in range(min(SAMPLES, len(self.quick)))]
        found = Translator.restore(saved).interpreter.translations(pairs, GREEDY)
        return "\n".join(f"{one.source} -> {text}" for one, text in zip(pairs, found, strict=True))

    def translate(self, texts: Sequence[str], decoding: Decoding | None = None, *, aligns: bool = False) -> list[list[Translation]]:
        """Return the best translations of each text, best first."""
        return self.interpreter.translate(texts, decoding, aligns=aligns)

    def predict(self, texts: Sequence[str], decoding: Decoding | None = None, *, aligns: bool = False) -> list[dict[str, Any]]:
        """Return each text's `translation` and `score`; with a count over 1 also `candidates`, with `aligns` also `attention`."""
        answers = []
        for best, *others in self.translate(texts, decoding, aligns=aligns):
            answer: dict[str, Any] = {"translation": best.text, "score": best.score}
            if decoding is not None and decoding.count > 1:
                answer["candidates"] = [{"translation": one.text, "score": one.score} for one in (best, *others)]
            if best.alignment is not None:
                answer["attention"] = best.alignment.plain()
            answers.append(answer)
        return answers

    def evaluate(
        self,
        data: Sequence[str] | PairFiles,
        decoding: Decoding | None = None,
        *,
        lowercase: bool = False,
        per_sentence: bool = False,
        resamples: int = 1000,
        **how: Any,
    ) -> dict[str, Any]:
        """Return BLEU, chrF, the loss of the references, and on request `sentences`; how: names of ReadSettings. Raises DataError."""
        pairs, use = self.read_pairs(data, **how), self.interpreter
        found = use.translations(pairs, decoding)
        return {"examples": len(pairs), **use.measure(pairs, found, lowercase=lowercase, per_sentence=per_sentence, resamples=resamples)}

    def compare(
        self, other: "Translator", data: Sequence[str] | PairFiles, decoding: Decoding | None = None, *, lowercase: bool = False, **how: Any
    ) -> dict[str, Any]:
        """Return BLEU and chrF of both on the same pairs, with a paired bootstrap test (Koehn 2004); raise DataError."""
        pairs = self.read_pairs(data, **how)
        ours, theirs = (one.interpreter.translations(pairs, decoding) for one in (self, other))
        return {"examples": len(pairs), **compare_translations(ours, theirs, [one.target for one in pairs], lowercase=lowercase)}

    def errors(self, paths: Sequence[str], top: int, *, source: Sequence[str] = (), target: Sequence[str] = (), **how: Any) -> Worst:
        """Return the pairs whose given translations were least probable, in nats per token, with predicted ones; raise DataError."""
        worst = Worst(top)
        for block in blocks(self.read_pairs(PairFiles(paths, source, target), **how)):
            scored = self.interpreter.score(block)
            for one, nats, tokens in zip(block, scored.nats.tolist(), scored.tokens.tolist(), strict=True):
                facts = {"tokens": tokens, "source": one.source, "reference": one.target, "where": one.where}
                worst.keep(nats / tokens, worst.seen, facts)
                worst.add("all pairs", nats / tokens)
        found = [best.text for best, *_ in self.translate([one["source"] for one in worst.kept])]
        for kept, text, chrf in zip(worst.kept, found, sentence_chrf(found, [one["reference"] for one in worst.kept]), strict=True):
            kept.update(translation=text, chrf=chrf)
        return worst

    def attention(self, text: str) -> AttentionMap:
        """Return the best translation with its attention over the words of the text; raise CheckpointError without attention."""
        if self.settings.network.attention == "none":
            raise CheckpointError(f"{self.name} was trained with --attention none; name a model that has attention")
        best = self.translate([text], aligns=True)[0][0]
        assert best.alignment is not None
        return AttentionMap(of_alignment(best.alignment, f"{text} → {best.text}"), {"translation": best.text, **best.alignment.plain()})

    def read_pairs(self, data: Sequence[str] | PairFiles, **how: Any) -> list[Pair]:
        """Return the pairs of files, read as the training data were; raise DataError, with path:line, for an empty side."""
        files = data if isinstance(data, PairFiles) else PairFiles(tables=data)
        pairs = list(PairData(files, settings_for(files, self.settings.data.elsewhere(how))).pairs())
        for one in pairs:
            if not one.source.strip() or not one.target.strip():
                side = "source" if not one.source.strip() else "target"
                raise DataError(f"{one.where}: has an empty {side}, which cannot be scored; leave the pair out")
        return pairs

    def _short(self, prepared: Sequence[Prepared]) -> list[Prepared]:
        """Return the pairs whose sides are short enough; raise DataError where there is none."""
        ids, most = self.languages.read(prepared), self.settings.longest
        is_short = (ids.source.lengths <= most + 1) & (ids.target.lengths <= most + 1)
        if not is_short.any():
            raise DataError(f"every pair is longer than {most} tokens; raise --longest")
        return [one for one, is_kept in zip(prepared, is_short, strict=True) if is_kept]

    @torch.no_grad()
    def _mixed(self, inputs: Tensor, memory: Any, state: Any, fraction: float) -> Tensor:
        """Return the ids with a random fraction replaced by the network's predictions, all at once (Duckworth et al. 2019)."""
        readouts, _, _ = self.network.decode(inputs, memory, state)
        logits = self.network.logits(readouts[:, :-1])
        logits[..., [START, END, UNKNOWN]] = -torch.inf
        predicted = torch.cat([inputs[:, :1], logits.argmax(-1)], 1)
        is_taken = torch.rand(inputs.shape, device=inputs.device) < fraction
        return torch.where(is_taken, predicted, inputs)


def tied_weights(settings: TranslatorSettings) -> dict[str, str]:
    """Return the names of weights that are stored under another name, with that name."""
    source, target = (f"{side}_embedding.embedding.weight" for side in ("source", "target"))
    is_shared = settings.objective.shared_vocabulary
    tied = {"output.weight": source if is_shared else target} if settings.network.tie_weights else {}
    return tied | ({target: source} if is_shared else {})


def sampled_fraction(settings: TranslatorLossSettings, epoch: float) -> float:
    """Return the fraction of its own predictions that the decoder reads at this epoch (Bengio et al. 2015, section 2.4)."""
    progress = epoch / settings.sampling_epochs
    return settings.sampling_fraction * RISES[settings.scheduled_sampling](progress)


RISES: dict[str, Callable[[float], float]] = {
    "none": lambda progress: 0.0,
    "constant": lambda progress: 1.0,
    "linear": lambda progress: min(1.0, progress),
    "sigmoid": lambda progress: 1 / (1 + math.exp(-10 * (min(progress, 2.0) - 0.5))),
}
"""The progress towards the final fraction, by the fraction of the epochs that have passed."""


def adapted(settings: TranslatorSettings, encoder: LanguageModel | None, decoder: LanguageModel | None) -> TranslatorSettings:
    """Return the settings with those of the language models; raise SettingError for settings or models that contradict each other."""
    first = encoder or decoder
    if first is None:
        return settings
    if encoder is not None and decoder is not None:
        theirs = _traits(decoder)
        for name, ours in _traits(encoder).items():
            if ours != theirs[name]:
                reason = f"has {name} {theirs[name]} where --init-encoder has {ours}; train one of them again"
                raise SettingError("init_decoder", reason)
    network, brought = settings.network, first.settings
    if network.input_feeding and decoder is not None:
        raise SettingError("input_feeding", "cannot be combined with --init-decoder, whose layers know no feed; leave one out")
    stack = replace(brought.network.stack, **{name: getattr(network.stack, name) for name in KEPT})
    network = replace(network, stack=stack, embedding_size=brought.network.width)
    return replace(settings, tokens=brought.tokens, network=network, objective=replace(settings.objective, shared_vocabulary=False))


def fitted_tokenizers(
    pairs: Sequence[Prepared], settings: TranslatorSettings, encoder: LanguageModel | None, decoder: LanguageModel | None
) -> tuple[Tokenizer, Tokenizer]:
    """Return the language models' tokenizers extended by the new symbols of the pairs; without models, tokenizers fitted to the pairs."""
    space = " " if tokenizer_class(settings.tokens.tokenizer).has_spaces else ""

    def lines(side: str) -> Iterator[str]:
        return (f"{space}{getattr(one, side)}\n" for one in pairs)

    if settings.objective.shared_vocabulary:
        both = fit_tokenizer(lambda: chain(lines("source"), lines("target")), settings.tokens, SUBWORDS)
        return both, both
    source = start_tokenizer(encoder, lambda: lines("source"), settings.tokens, SUBWORDS)
    return source, start_tokenizer(decoder, lambda: lines("target"), settings.tokens, SUBWORDS)


def fill(network: TranslatorNetwork, encoder: LanguageModel | None, decoder: LanguageModel | None) -> list[tuple[str, str]]:
    """Copy the models' weights; return in words how many tokens were known. Raises CheckpointError for misfits."""
    found = []
    if encoder is not None:
        found.append(("encoder", _copy(encoder, network.source_embedding, network.encoder.forward_stack, "cells.")))
    if decoder is not None:
        found.append(("decoder", _copy(decoder, network.target_embedding, network.decoder, "cells.0.")))
    return found


def _traits(model: LanguageModel) -> dict[str, Any]:
    """Return the settings that must be equal in the language models of an encoder and a decoder."""
    network, tokens = model.settings.network, model.settings.tokens
    traits = {name: getattr(network.stack, name) for name in ("cell", "activation", "hidden_size")}
    return traits | {"embedding_size": network.width, "tokenizer": tokens.tokenizer}


@torch.no_grad()
def _copy(model: LanguageModel, table: TokenEmbedding, layers: nn.Module, prefix: str) -> str:
    """Copy the embedding's rows and all fitting layers whose names begin with the prefix; return in words what was copied."""
    known, copied = take_embedding(model, table.embedding.weight), 0
    for name, weight in layers.state_dict().items():
        other = model.weights.get(f"stack.{name}")
        if name.startswith(prefix) and other is not None and other.shape == tuple(weight.shape):
            weight.copy_(torch.from_numpy(other))
            copied += name.endswith("hidden_to_gates")
    return f"{known}, layers {copied}"
