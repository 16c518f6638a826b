"""`charnn predict` and `charnn evaluate` for a translator."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from charnn.checkpoint.model import MODEL_FILE
from charnn.data.settings import PairFiles, PredictSettings
from charnn.decoding.settings import SamplingSettings
from charnn.errors import CheckpointError, SettingError
from charnn.plots.heatmap import of_alignment, write_heatmap
from charnn.settings import own_settings
from charnn.tasks.load import load
from charnn.tasks.task import Call
from charnn.tasks.translator.interpreter import Decoding
from charnn.tasks.translator.report import lines_of
from charnn.tasks.translator.settings import SearchSettings, TranslatorReading

OPTIONS = {"count": "n_best", "prefix": "prefix", "seed": "seed"}  # Options by the names of Decoding
RULES = [one.name for one in own_settings(SamplingSettings)]


def predict(model: Any, call: Call) -> int:
    """Translate each text, or draw the attention over one into a file; return the exit code."""
    how, rows, plot = decoding(call), call.collected(PredictSettings), call.options.get("attention_plot")
    if model.settings.network.attention == "none":
        call.refuse(["attention", "attention_plot"], "has nothing to show of a model trained with --attention none; leave it out")
    if plot is not None:
        call.refuse(["attention", "n_best", "json", "format", "strict"], "has no effect on --attention-plot; leave it out")
        return draw(model, call, how, rows, Path(plot))
    aligns = call.options.get("attention", False)
    return call.pipe(call.arguments, rows, lambda texts: model.predict(texts, how, aligns=aligns), text_format=lines_of)


def evaluate(model: Any, call: Call) -> Any:
    """Return BLEU, chrF and loss, or a comparison where the first of the data is another model."""
    how, side = decoding(call), call.collected(TranslatorReading)
    other, tables = second_model(call.arguments)
    files, lowercase = PairFiles(tables, side.source, side.target), call.options.get("lowercase", False)
    if other is None:
        return model.evaluate(files, how, lowercase=lowercase, per_sentence=call.options.get("per_sentence", False), **call.how)
    call.refuse(["per_sentence"], "has no effect where two models are compared; leave it out")
    return {"other": other.name, **model.compare(other, files, how, lowercase=lowercase, **call.how)}


def decoding(call: Call) -> Decoding:
    """Return how to decode by the given options; raise SettingError for options without effect."""
    draws = call.options.get("sample", False)
    if draws:
        call.refuse(["beam", "length_penalty"], "has no effect on --sample; leave it out")
    else:
        call.refuse(["seed", *RULES], "has no effect without --sample; leave it out")
    sampling = call.collected(SamplingSettings) if draws else None
    given = {name: call.options[option] for name, option in OPTIONS.items() if option in call.options}
    return Decoding(call.collected(SearchSettings), sampling=sampling, **given)


def draw(model: Any, call: Call, how: Decoding, settings: PredictSettings, path: Path) -> int:
    """Draw the attention over one text into a file, and write its translation; raise DataError for a bad row."""
    found = list(call.texts(settings))
    if len(found) != 1:
        raise SettingError("attention_plot", f"draws one text, got {len(found)}; give one")
    best = model.translate(found, how, aligns=True)[0][0]
    write_heatmap(path, of_alignment(best.alignment, f"{found[0]} → {best.text}"), "attention_plot")
    call.write(f"{best.text}\n")
    call.say(f"Wrote {path}.")
    return 0


def second_model(data: Sequence[str]) -> tuple[Any, Sequence[str]]:
    """Return the first of the data as a model, None where it is none, and the other data; raise CheckpointError for another task's."""
    if not data or not ((Path(data[0]) / MODEL_FILE).is_file() or data[0].endswith(".safetensors")):
        return None, data
    other = load(data[0])
    if other.task != "translator":
        raise CheckpointError(f"{data[0]} is a {other.task}, and this needs a translator; name another model")
    return other, data[1:]
