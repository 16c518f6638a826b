"""The job of a translator: pairs read, split, examined and made into tokens; an untrained network."""

from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np

from charnn.check.pairs import examine_pairs
from charnn.checkpoint.model import SavedModel
from charnn.data.pairs import Pair, PairData, PairFiles, hold_out, settings_for, usable
from charnn.decoding.settings import BeamSettings
from charnn.errors import DataError
from charnn.metrics.translation import translation_metrics
from charnn.tasks.translator.interpreter import Decoding, Interpreter
from charnn.tasks.translator.model import Prepared, Translator, known_signs, prepare_to_learn
from charnn.tasks.translator.settings import TranslatorSettings
from charnn.tasks.translator.start import TranslatorStart
from charnn.tasks.translator.trained import TrainedTranslator
from charnn.training.card import metrics_table
from charnn.training.job import Place
from charnn.training.task import Score

VALIDATION_PAIRS = 500
"""Pairs of the quick validation while training, at most; those translated greedily for BLEU."""

SAMPLES = 3
"""Validation pairs of which a translation is shown while training."""


class TranslatorJob:
    """Pairs as token ids, and an untrained translator of them. Raises DataError or SettingError."""

    name = "translator"
    loss_unit, rate_unit = "nats/token", "source words"

    def __init__(
        self,
        place: Place,
        settings: TranslatorSettings,
        files: PairFiles,
        valid: PairFiles | None = None,
        start: TranslatorStart | None = None,
    ) -> None:
        place.check()
        start = start or TranslatorStart()
        self.settings = settings = start.adapted(settings)
        data = PairData(files, settings.data)
        self.title = f"A translator of {data.name}"
        train, held = read_parts(place, data, valid, settings)
        self.examination = examine_pairs(train, held)
        train, self.valid = usable(train), usable(held)
        if not train or not self.valid:
            raise DataError(f"{data.name}: holds no pairs with two sides to train or validate on; give more")
        prepared = prepare_to_learn(train, keeps=settings.objective.keep)
        source, target = start.tokenizers(prepared, settings)
        self.model = Translator(settings, source, target, known_signs(prepared) if settings.objective.keep else 0)
        self.starts = start.fill(self.model)
        prepared, self.too_long = self._short(prepared)
        self.batches = self.model.batches(prepared)
        ids = self.batches.pairs
        self.model.expect(ids)
        words = sum(len(one.source.split()) for one in prepared)
        self.rate = words / int(ids.target.lengths.sum())
        order = np.random.default_rng(settings.loop.seed).permutation(len(self.valid))[:VALIDATION_PAIRS]
        self.quick = [self.valid[number] for number in order]
        self.quick_set = self.model.read(self.model.prepare_pairs(self.quick))

    def data(self) -> list[Any]:
        """All that was read and learned before training."""
        train = self.batches.pairs
        ids = [[side.ids, side.starts] for side in (train.source, train.target)]
        learned = [[one.learned(), one.tensors()] for one in (self.model.source, self.model.target)]
        return [ids, [(one.source, one.target) for one in self.valid], learned, self.model.signs]

    def validate(self) -> Score:
        """Nats per token of the given translations, and BLEU of greedy ones, on some of the validation pairs."""
        scored = self.model.score(self.quick_set)
        loss = float(scored.nats.sum()) / int(scored.tokens.sum())
        found = Interpreter(self.model).translations(self.quick, GREEDY)
        bleu = translation_metrics(found, [one.target for one in self.quick], resamples=0)["bleu"]
        is_chosen = self.settings.objective.choose_by == "bleu" and isfinite(loss)
        return Score(loss, {"bleu": bleu}, -bleu if is_chosen else None)

    def facts(self) -> list[tuple[str, str]]:
        """What the pairs hold, vocabulary, network."""
        sides = {"source": self.model.source, "target": self.model.target}
        shared = self.settings.objective.shared_vocabulary
        sizes = f"{self.model.source.size:,} tokens, shared" if shared else ", ".join(f"{side} {one.size:,}" for side, one in sides.items())
        longer = (
            [("too long", f"{self.too_long:,} pairs of more than {self.settings.longest} tokens, left out")]
            if self.too_long
            else []
        )
        return [
            *self.examination.lines(),
            *longer,
            ("vocabulary", f"{sizes} ({self.settings.tokens.tokenizer})"),
            *self.starts,
            ("network", self.settings.network.words()),
        ]

    def finish(self) -> dict[str, Any]:
        """BLEU, chrF and loss on the validation part, greedily and with a beam."""
        use = Interpreter(self.model)
        beam = use.measure(self.valid, use.translations(self.valid))
        return {**beam, "greedy": use.measure(self.valid, use.translations(self.valid, GREEDY), resamples=0)}

    def table(self, results: dict[str, Any]) -> list[str]:
        """A row for each way to search."""
        rows = {"greedy": results["greedy"], "beam 5": results}
        columns = {"BLEU": "bleu", "chrF": "chrf", "nats per token": "loss", "perplexity per word": "word_perplexity"}
        return [*metrics_table("validation", rows, columns), "", results["bleu_signature"]]

    def commands(self, folder: Path) -> list[str]:
        """Translating and measuring."""
        return [f'charnn predict {folder} "Some text."', f"charnn evaluate {folder} FILE.tsv"]

    def sample(self, saved: SavedModel, seed: int) -> str | None:
        """Translations of some validation sources, greedily."""
        pairs = [self.quick[(seed + number) % len(self.quick)] for number in range(min(SAMPLES, len(self.quick)))]
        found = TrainedTranslator(saved).interpreter.translations(pairs, GREEDY)
        return "\n".join(f"{one.source} -> {text}" for one, text in zip(pairs, found, strict=True))

    def _short(self, prepared: list[Prepared]) -> tuple[list[Prepared], int]:
        """Pairs whose sides are not too long, and how many are."""
        ids, most = self.model.read(prepared), self.settings.longest
        is_short = (ids.source.lengths <= most + 1) & (ids.target.lengths <= most + 1)
        if not is_short.any():
            raise DataError(f"every pair is longer than {most} tokens; raise --longest")
        return [one for one, is_kept in zip(prepared, is_short, strict=True) if is_kept], int((~is_short).sum())


GREEDY = Decoding(BeamSettings(1, 0.0))


def read_parts(place: Place, data: PairData, valid: PairFiles | None, settings: TranslatorSettings) -> tuple[list[Pair], list[Pair]]:
    """Training and validation pairs; without files of its own the validation is a random share."""
    pairs = list(data.pairs())
    if valid is not None:
        return pairs, list(PairData(valid, settings_for(valid, settings.data)).pairs())
    return hold_out(pairs, place.valid_share, settings.loop.seed)
