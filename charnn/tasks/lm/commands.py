"""`charnn predict` and `charnn evaluate` for a language model."""

from typing import Any

import click

from charnn.data.answers import json_line
from charnn.data.settings import PredictSettings
from charnn.errors import SettingError
from charnn.tasks.lm.report import next_tokens
from charnn.tasks.lm.settings import LanguageModelEvaluating, LanguageModelPredicting, LanguageModelReading
from charnn.tasks.task import Call
from charnn.tokenizers.registry import unknown_warning


def predict(model: Any, call: Call) -> int:
    """Write the likeliest next tokens after each text; return the exit code."""
    options: LanguageModelPredicting = call.collected(LanguageModelPredicting)
    if options.format not in (None, "text", "jsonl"):
        raise SettingError("format", f"must be text or jsonl for a language model, got {options.format}")
    if not call.arguments:
        raise click.UsageError("give a text, a file, or - for standard input.")
    for text in call.texts(PredictSettings()):
        unknown = model.tokenizer.unknown_symbols(text)
        if unknown:
            call.say(unknown_warning(unknown))
        likeliest = model.predict(text, top=options.top, label=options.label)
        if options.format == "jsonl":
            tokens = [{"token": token, "probability": probability} for token, probability in likeliest]
            call.write(json_line({"text": text, "next": tokens}))
        else:
            call.write(next_tokens(likeliest))
    return 0


def evaluate(model: Any, call: Call) -> dict[str, Any]:
    """Return the metrics of the first protocol, and those of a second under its name."""
    options: LanguageModelEvaluating = call.collected(LanguageModelEvaluating)
    if options.protocol not in (None, *model.protocols):
        raise SettingError("protocol", f"must be one of {', '.join(model.protocols)} for this model, got {options.protocol}")
    protocols = [options.protocol] if options.protocol else model.protocols
    if "windows" not in protocols:
        call.refuse(["window"], f"has no effect on the protocol {protocols[0]}; leave it out")
    text = model.tokenized(call.arguments, call.collected(LanguageModelReading).tail, **call.how)
    first, *others = [model.measure(text, protocol, options.window) for protocol in protocols]
    examples = 1 if text.starts is None else len(text.starts) - 1
    return {"examples": examples, **first, **dict(zip(protocols[1:], others, strict=True))}
