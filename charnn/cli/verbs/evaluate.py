"""`charnn evaluate`: a model's metrics on data, with the protocol named."""

import json
import time
from typing import Any

import click

from charnn.cli.models import call_of, limit_threads, open_model, threads_option
from charnn.cli.options import SectionedCommand, option_names, task_options
from charnn.cli.process import write_lines
from charnn.tasks.registry import TASKS
from charnn.tasks.task import Call


@click.command(cls=SectionedCommand)
@click.argument("model", required=False)
@click.argument("data", nargs=-1)
@task_options({name: [task.reading, task.evaluating] for name, task in TASKS.items()})
@threads_option
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
    trained = open_model(model, TASKS)
    task = TASKS[trained.task]
    call = call_of(ctx, task, option_names([task.reading, task.evaluating]), data, ["threads", "as_json"])
    limit_threads(values["threads"])
    started = time.monotonic()
    results = (task.verb("evaluate") or evaluate_files)(trained, call)
    named = [*data, *call.options.get("source", ()), *call.options.get("target", ())]
    facts = {"task": task.name, "model": trained.name, "data": named or results.pop("data", [])}
    facts |= {"examples": results.pop("examples"), "seconds": round(time.monotonic() - started, 2)}
    if values["as_json"]:
        click.echo(json.dumps({**facts, **results}))
    else:
        write_lines(task.part("report").table(results))


def evaluate_files(model: Any, call: Call) -> dict[str, Any]:
    """Return the metrics of the model's evaluate() on files."""
    if not call.arguments:
        raise click.UsageError(f"name the data to measure this {model.task} on.")
    found: dict[str, Any] = model.evaluate(call.arguments, **call.options)
    return found
