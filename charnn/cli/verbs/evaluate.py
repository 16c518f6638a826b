"""`charnn evaluate`: a model's metrics on data, with the protocol named."""

import json
import time
from typing import Any

import click

from charnn.cli.forecast import EVALUATING as BACKTESTING
from charnn.cli.forecast import backtesting_options, measure_forecaster
from charnn.cli.options import SectionedCommand, given
from charnn.cli.streams import write
from charnn.cli.training import parallel_options
from charnn.cli.translate import EVALUATING, decoding_options, measure_translator
from charnn.errors import SettingError

EFFECTIVE = {
    "lm": ["protocol", "window", "tail"],
    "classifier": ["text_column", "label_column", "abstain_below"],
    "tagger": ["tag_column"],
    "translator": EVALUATING,
    "forecaster": BACKTESTING,
}
"""The options that have an effect on a model of each task."""

DEFAULTS = {"lm": "python-docs", "forecaster": "the series it was trained on"}
"""What is measured on where no data are named."""


@click.command(cls=SectionedCommand)
@click.argument("model", required=False)
@click.argument("data", nargs=-1)
@click.option("--protocol", type=click.Choice(["streamed", "windows", "documents"]), help="Only this one; by default all that fit (lm).")
@click.option("--window", type=click.IntRange(1, 65536), default=64, show_default=True, help="Tokens of a cold window (lm).")
@click.option("--tail", type=click.FloatRange(0, 1, min_open=True), help="Only this last share of the text, such as 0.1 (lm).")
@click.option("--text-column", help="Column of the text, where it differs from the training data's (classifier).")
@click.option("--label-column", help="Column of the label, where it differs from the training data's (classifier).")
@click.option("--tag-column", help="Column of the tag, where it differs from the training data's (tagger).")
@click.option("--abstain-below", type=click.FloatRange(0, 1), help="Answer only what is at least so probable (classifier).")
@decoding_options
@parallel_options("--source", "--target")
@backtesting_options
@click.option("--lowercase", is_flag=True, help="Compare without regard to case (translator).")
@click.option("--per-sentence", is_flag=True, help="A line a pair: nats, tokens, chrF, source, reference, translation (translator).")
@click.option("--threads", type=click.IntRange(1, 1024), help="CPU threads; by default all cores.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of a table.")
@click.pass_context
def evaluate(ctx: click.Context, /, model: str | None, data: tuple[str, ...], **values: Any) -> None:
    """Measure a model on data.

    MODEL: a run folder or model file; by default the newest run. DATA: as in `charnn train`; by default, for a language
    model, the last tenth of python-docs, for a forecaster what was held out. JSON keys of all: task, model, data, examples, seconds.

    Language model: every symbol is predicted once. Protocols: streamed (one pass, the state carried), windows (each begins
    cold), documents (each from its start to its end). Unknown symbols are charged for: their own probability, and log
    1,114,112 for each character. The standard error is taken over segments of 1,000 symbols. Keys: protocol, symbols,
    unknown, nats_per_token, nats_per_character, bits_per_character, bits_per_byte, perplexity, word_perplexity (words and
    line ends), standard_error (of nats_per_token); a second protocol has the same under its own name.

    Classifier: accuracy, macro_precision, macro_recall, macro_f1, ece (expected calibration error, 15 bins), nll, labels,
    confusion (rows are the true labels), intervals (95 %, bootstrap) of what ships; the same under network, linear, blend.

    Tagger: span_precision, span_recall, span_f1 (by the rules of conlleval), token_accuracy, per_label, per_type.

    Translator: bleu and chrf by sacrebleu on raw text, each with its signature (bleu_signature, chrf_signature) and in
    intervals (95 %, bootstrap); loss (nats per token of the reference) and word_perplexity. With a second model before the data,
    both are compared: bleu and chrf {first, second, difference, interval, p} by paired bootstrap. sentences with --per-sentence.
    """
    from charnn.cli.models import open_model
    from charnn.device import use_threads

    trained = open_model(model, EFFECTIVE)
    names = list(dict.fromkeys(name for task in EFFECTIVE.values() for name in task))
    for name in given(ctx, [name for name in names if name not in EFFECTIVE[trained.task]]):
        raise SettingError(name, f"has no effect on a {trained.task}; leave it out")
    if not data and trained.task not in DEFAULTS and not values["source"]:
        raise click.UsageError(f"name the data to measure this {trained.task} on.")
    use_threads(values["threads"])
    started = time.monotonic()
    results = MEASURES[trained.task](ctx, trained, data, values)
    named = [*data, *values["source"], *values["target"]]
    facts = {"task": trained.task, "model": trained.name, "data": named or [DEFAULTS[trained.task]]}
    facts |= {"examples": results.pop("examples"), "seconds": round(time.monotonic() - started, 2)}
    if values["as_json"]:
        click.echo(json.dumps({**facts, **results}))
    else:
        from charnn.cli.results import TABLES

        write("".join(f"{line}\n" for line in TABLES[trained.task](results)))


def measure_language_model(ctx: click.Context, trained: Any, data: tuple[str, ...], values: dict[str, Any]) -> dict[str, Any]:
    """The metrics of the first protocol, and those of a second under its name."""
    if values["protocol"] not in (None, *trained.protocols):
        raise SettingError("protocol", f"must be one of {', '.join(trained.protocols)} for this model, got {values['protocol']}")
    protocols = [values["protocol"]] if values["protocol"] else trained.protocols
    if given(ctx, ["window"]) and "windows" not in protocols:
        raise SettingError("window", f"has no effect on the protocol {protocols[0]}; leave it out")
    tail = values["tail"] if data or trained.is_documents else values["tail"] or 0.1
    text = trained.tokenized(data or (DEFAULTS["lm"],), tail)
    first, *others = [trained.network.evaluate(text, protocol, values["window"]) for protocol in protocols]
    examples = 1 if text.starts is None else len(text.starts) - 1
    return {"examples": examples, **first, **dict(zip(protocols[1:], others, strict=True))}


def measure_classifier(ctx: click.Context, trained: Any, data: tuple[str, ...], values: dict[str, Any]) -> dict[str, Any]:
    """The metrics of what ships, and of each model under its name."""
    columns = {name: values[name] for name in ("text_column", "label_column") if values[name] is not None}
    found: dict[str, Any] = trained.evaluate(data, abstain_below=values["abstain_below"], **columns)
    return found


def measure_tagger(ctx: click.Context, trained: Any, data: tuple[str, ...], values: dict[str, Any]) -> dict[str, Any]:
    """The metrics of tags, and of spans where there are any."""
    found: dict[str, Any] = trained.evaluate(data, **({"tag_column": values["tag_column"]} if values["tag_column"] else {}))
    return found


MEASURES = {
    "lm": measure_language_model,
    "classifier": measure_classifier,
    "tagger": measure_tagger,
    "translator": measure_translator,
    "forecaster": measure_forecaster,
}
