"""`charnn predict` for a classifier: labels, or the contribution of each word to them."""

import sys
from typing import Any

from charnn.data.settings import PredictSettings
from charnn.tasks.classifier.report import in_colours, with_numbers
from charnn.tasks.task import Call


def predict(model: Any, call: Call) -> int:
    """Label each text, or with --explain show the contribution of each word to its label; return the exit code."""
    rows, sure = call.collected(PredictSettings), call.options.get("abstain_below")
    if not call.options.get("explain"):
        return call.pipe(call.arguments, rows, lambda texts: model.predict(texts, abstain_below=sure))
    call.refuse(["abstain_below"], "cannot be combined with --explain; leave one out")
    text_format = in_colours if sys.stdout.isatty() else with_numbers
    return call.pipe(call.arguments, rows, lambda texts: [explained(model, text) for text in texts], text_format=text_format)


def explained(model: Any, text: str) -> dict[str, Any]:
    """Return the `label` and `probability` of a text, and its `words`: [{text, begin, end, nats}]."""
    label, probability, parts = model.explain(text)
    return {"label": label, "probability": probability, "words": [part._asdict() for part in parts]}
