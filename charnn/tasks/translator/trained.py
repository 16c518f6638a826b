"""A trained translator: translations of raw text, and how good they are."""

from collections.abc import Sequence
from typing import Any

from charnn.checkpoint.model import SavedModel, tensors_below
from charnn.data.pairs import Pair, PairData, PairFiles, settings_for
from charnn.errors import CheckpointError, DataError
from charnn.metrics.translation import compare_translations
from charnn.settings import shown
from charnn.tasks.translator.interpreter import Decoding, Interpreter, Translation
from charnn.tasks.translator.model import Translator
from charnn.tasks.translator.preparation import SIGNS
from charnn.tasks.translator.settings import TranslatorSettings
from charnn.tokenizers.protocol import Tokenizer
from charnn.tokenizers.registry import restore_tokenizer


class TrainedTranslator:
    """Translations of texts, and how good they are."""

    task = "translator"

    def __init__(self, saved: SavedModel, name: str = "model") -> None:
        """Raises CheckpointError or SettingError for a file whose contents make no model."""
        self.saved = saved
        self.name = name
        self.settings = TranslatorSettings.from_plain(saved.settings)
        source = self._tokenizer("source")
        target = source if self.settings.objective.shared_vocabulary else self._tokenizer("target")
        signs = saved.learned.get("signs")
        if type(signs) is not int or not 0 <= signs <= SIGNS:
            raise CheckpointError(f"the model is damaged: it knows {shown(signs)} signs")
        self.interpreter = Interpreter(Translator.restore(self.settings, source, target, signs, saved.tensors))

    def translate(self, texts: Sequence[str], decoding: Decoding | None = None, *, aligns: bool = False) -> list[list[Translation]]:
        """For each text its best translations, best first."""
        return self.interpreter.translate(texts, decoding, aligns=aligns)

    def predict(self, texts: Sequence[str], decoding: Decoding | None = None, *, aligns: bool = False) -> list[dict[str, Any]]:
        """For each text its `translation` and `score`; with a count over 1 `candidates` too, and on request the `attention`."""
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
    ) -> dict[str, Any]:
        """BLEU and chrF by sacrebleu, the loss of the given translations, and on request `sentences`, one by one. Raises DataError."""
        pairs, use = self.read_pairs(data), self.interpreter
        found = use.translations(pairs, decoding)
        return {"examples": len(pairs), **use.measure(pairs, found, lowercase=lowercase, per_sentence=per_sentence, resamples=resamples)}

    def compare(
        self, other: "TrainedTranslator", data: Sequence[str] | PairFiles, decoding: Decoding | None = None, *, lowercase: bool = False
    ) -> dict[str, Any]:
        """BLEU and chrF of both on the same pairs, with a paired bootstrap test (Koehn 2004). Raises DataError."""
        pairs = self.read_pairs(data)
        ours, theirs = (one.interpreter.translations(pairs, decoding) for one in (self, other))
        return {"examples": len(pairs), **compare_translations(ours, theirs, [one.target for one in pairs], lowercase=lowercase)}

    def read_pairs(self, data: Sequence[str] | PairFiles) -> list[Pair]:
        """Pairs of files, read as the training data were. Raises DataError, with path:line for one with an empty side."""
        files = data if isinstance(data, PairFiles) else PairFiles(tables=data)
        pairs = list(PairData(files, settings_for(files, self.settings.data)).pairs())
        for one in pairs:
            if not one.source.strip() or not one.target.strip():
                side = "source" if not one.source.strip() else "target"
                raise DataError(f"{one.where}: has an empty {side}, which cannot be scored; leave the pair out")
        return pairs

    def _tokenizer(self, side: str) -> Tokenizer:
        kind, learned = self.settings.tokens.tokenizer, self.saved.learned.get(side)
        return restore_tokenizer(kind, learned, tensors_below(self.saved, f"tokenizer.{side}"))
