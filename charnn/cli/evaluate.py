"""`charnn evaluate`: a model's metrics on a text, with the protocol named."""

import json
import time
from typing import Any

import click

from charnn.cli.options import SectionedCommand, given
from charnn.errors import SettingError


@click.command(cls=SectionedCommand)
@click.argument("model", required=False)
@click.argument("data", nargs=-1)
@click.option("--protocol", type=click.Choice(["streamed", "windows", "documents"]), help="Only this protocol; by default all that fit.")
@click.option("--window", type=click.IntRange(1, 65536), default=64, show_default=True, help="Tokens of a cold window.")
@click.option("--tail", type=click.FloatRange(0, 1, min_open=True), help="Only this last share of the text, such as 0.1.")
@click.option("--threads", type=click.IntRange(1, 1024), help="CPU threads; by default all cores.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of a table.")
@click.pass_context
def evaluate(ctx: click.Context, /, model: str | None, data: tuple[str, ...], **values: Any) -> None:
    """Measure a language model on a text: every symbol is predicted once.

    MODEL: a run folder or model file; by default the newest run. DATA: as in `charnn train lm`; by default the last tenth
    of python-docs. Protocols: streamed (one pass, the state carried), windows (each begins cold), documents (each from its
    start to its end). Unknown symbols are charged for: their own probability, and log 1,114,112 for each character. The
    standard error is taken over segments of 1,000 symbols.

    JSON keys: task, model, data, examples, seconds, protocol, symbols, unknown, nats_per_token, nats_per_character,
    bits_per_character, bits_per_byte, perplexity, word_perplexity (words and line ends), standard_error (of nats_per_token);
    a second protocol has the same under its own name.
    """
    from charnn.cli.models import open_model
    from charnn.device import use_threads

    trained = open_model(model)
    if values["protocol"] not in (None, *trained.protocols):
        raise SettingError("protocol", f"must be one of {', '.join(trained.protocols)} for this model, got {values['protocol']}")
    protocols = [values["protocol"]] if values["protocol"] else trained.protocols
    if given(ctx, ["window"]) and "windows" not in protocols:
        raise SettingError("window", f"has no effect on the protocol {protocols[0]}; leave it out")
    use_threads(values["threads"])
    started = time.monotonic()
    tail = values["tail"] if data or trained.is_documents else values["tail"] or 0.1
    text = trained.tokenized(data or ("python-docs",), tail)
    results = {protocol: trained.network.evaluate(text, protocol, values["window"]) for protocol in protocols}
    facts = {
        "task": "lm",
        "model": trained.name,
        "data": list(data) or ["python-docs"],
        "examples": 1 if text.starts is None else len(text.starts) - 1,
        "seconds": round(time.monotonic() - started, 2),
    }
    if values["as_json"]:
        first, *others = protocols
        click.echo(json.dumps({**facts, **results[first], **{name: results[name] for name in others}}))
    else:
        show(facts, results)


def show(facts: dict[str, Any], results: dict[str, dict[str, Any]]) -> None:
    """A column per protocol, a row per metric."""
    columns = list(results.values())
    rows = [(name.replace("_", " "), [cell(one[name]) for one in columns]) for name in columns[0]]
    widths = [max(len(cells[number]) for _, cells in rows) for number in range(len(columns))]
    for name, cells in rows:
        aligned = "  ".join(f"{text:>{width}}" for text, width in zip(cells, widths, strict=True))
        click.echo(f"{name:<20}{aligned}")


def cell(value: Any) -> str:
    """A metric as a person reads it."""
    if value is None:
        return "-"
    return f"{value:,}" if isinstance(value, int) else f"{value:,.4f}" if isinstance(value, float) else str(value)
