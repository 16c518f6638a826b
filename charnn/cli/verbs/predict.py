"""`charnn predict`: labels, tags, translations, or for a language model the likeliest next tokens."""

import sys
from collections.abc import Callable
from typing import Any

import click

from charnn.cli.forecast import FORECASTING, forecasting_options, predict_series
from charnn.cli.options import SectionedCommand, collect, given, settings_options
from charnn.cli.streams import write
from charnn.cli.translate import PREDICTING, decoding_options, predict_translations, predicting_options
from charnn.data.rows import PredictSettings
from charnn.decoding.settings import SamplingSettings
from charnn.errors import SettingError

ROWS = ["text_column", "format", "input_format", "strict", "shard", "encoding", "errors"]

EFFECTIVE = {
    "lm": ["top", "label", "format"],
    "classifier": ["abstain_below", "explain", *ROWS],
    "tagger": ["tokens", *ROWS],
    "translator": [*PREDICTING, *ROWS],
    "forecaster": [*FORECASTING, "format"],
}
"""The options that have an effect on a model of each task."""


@click.command(cls=SectionedCommand)
@click.argument("model", required=False)
@click.argument("text", nargs=-1)
@click.option("--top", type=click.IntRange(1), default=5, show_default=True, help="Tokens to show (lm).")
@click.option("--label", help="Label to predict for, of a model trained with labels (lm).")
@click.option("--abstain-below", type=click.FloatRange(0, 1), help="Give no label that is less probable than this (classifier).")
@click.option("--explain", is_flag=True, help="Colour each word by what it does for the label (classifier).")
@click.option("--tokens", is_flag=True, help="The input is divided: a token a line, a blank line between sentences (tagger).")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line: short for --format jsonl.")
@decoding_options
@predicting_options
@forecasting_options
@settings_options(PredictSettings)
@settings_options(SamplingSettings)
@click.pass_context
def predict(ctx: click.Context, /, model: str | None, text: tuple[str, ...], **values: Any) -> None:
    """Label texts, tag them, translate them, go on with a series, or show what a language model expects next.

    MODEL: a run folder or model file; by default the newest run. TEXT: texts, files (CSV, TSV, JSONL, or a text a line), or
    - for standard input. Rows come out as they were and in order, with new columns or keys: label and probability
    (classifier), spans: [{text, type, begin, end, probability}] or tags: [{token, tag, begin, end, probability}] (tagger),
    translation and score, with --n-best candidates: [{translation, score}], with --attention {source, target, weights}
    (translator); for a language model next: [{token, probability}]. A forecaster goes on with its series, or with the FILES
    given, by --steps rows: time, the column predicted, with --interval its low and high; as JSON {step, time, column, value, low, high}.
    """
    from charnn.cli.models import open_model

    trained = open_model(model, EFFECTIVE)
    if not text and trained.task != "forecaster":
        raise click.UsageError("give a text, a file, or - for standard input.")
    names = [name for task in EFFECTIVE.values() for name in task]
    for name in given(ctx, [name for name in dict.fromkeys(names) if name not in EFFECTIVE[trained.task]]):
        raise SettingError(name, f"has no effect on a {trained.task}; leave it out")
    if values["as_json"]:
        if values["format"] not in (None, "jsonl"):
            raise SettingError("json", f"contradicts --format {values['format']}; leave one out")
        values["format"] = "jsonl"
    ctx.exit(PREDICTORS[trained.task](ctx, trained, text, values))


def predict_next(ctx: click.Context, trained: Any, arguments: tuple[str, ...], values: dict[str, Any]) -> int:
    """The likeliest next tokens after each text."""
    from charnn.cli.models import texts, warn_unknown
    from charnn.data.answers import json_line

    if values["format"] not in (None, "text", "jsonl"):
        raise SettingError("format", f"must be text or jsonl for a language model, got {values['format']}")
    for one in texts(arguments):
        warn_unknown(trained.tokenizer.unknown_symbols(one))
        likeliest = trained.predict(one, top=values["top"], label=values["label"])
        if values["format"] == "jsonl":
            tokens = [{"token": token, "probability": probability} for token, probability in likeliest]
            write(json_line({"text": one, "next": tokens}))
        else:
            width = max(len(repr(token)) for token, _ in likeliest)
            for token, probability in likeliest:
                click.echo(f"{token!r:<{width}}  {probability:.4f}")
    return 0


def predict_labels(ctx: click.Context, trained: Any, arguments: tuple[str, ...], values: dict[str, Any]) -> int:
    """The label of each text, and how probable it is."""
    from charnn.cli.explain import explained
    from charnn.cli.pipe import pipe

    settings = collect(PredictSettings, values)
    sure = values["abstain_below"]
    if values["explain"]:
        if sure is not None:
            raise SettingError("abstain_below", "cannot be combined with --explain; leave one out")
        return pipe(arguments, settings, lambda rows: [explained(trained, row) for row in rows], text_format=coloured())
    return pipe(arguments, settings, lambda rows: trained.predict(rows, abstain_below=sure))


def predict_tags(ctx: click.Context, trained: Any, arguments: tuple[str, ...], values: dict[str, Any]) -> int:
    """The spans, or the tags, of each text."""
    from charnn.cli.pipe import pipe

    settings = collect(PredictSettings, values)
    if values["tokens"]:
        return tag_tokens(trained, arguments, settings)
    return pipe(arguments, settings, trained.predict, text_format=marked)


def tag_tokens(trained: Any, arguments: tuple[str, ...], settings: PredictSettings) -> int:
    """Sentences of tokens as CoNLL: token, tab, tag, a blank line between sentences; each as soon as it is read."""
    from charnn.data.conll import token_sentences, write_conll
    from charnn.data.readers import Decoding, find_sources, read_lines, read_text

    if settings.format is not None or settings.input_format is not None:
        name = "format" if settings.format else "input_format"
        raise SettingError(name, "cannot be combined with --tokens, which reads and writes CoNLL")
    for source in find_sources(arguments):
        lines = read_lines(read_text(source, Decoding(settings.encoding, settings.errors, "unix")))
        for tokens in token_sentences(lines, source.name):
            write(write_conll(tokens, [trained.tag([tokens])[0]]))
    return 0


def marked(text: str, answer: dict[str, Any]) -> str:
    """A text with its spans in brackets, `[Paris]place`; or its tokens with their tags, `in/ADP`."""
    if "tags" in answer:
        return " ".join(f"{one['token']}/{one['tag']}" for one in answer["tags"])
    text = text.replace("\n", " ").replace("\r", " ")
    parts, place = [], 0
    for span in answer["spans"]:
        parts.append(f"{text[place : span['begin']]}[{text[span['begin'] : span['end']]}]{span['type']}")
        place = span["end"]
    return "".join([*parts, text[place:]])


def coloured() -> Callable[[str, dict[str, Any]], str]:
    """Writes an explained text: in colours on a terminal, elsewhere with numbers behind the words."""
    from charnn.cli.explain import in_colours, with_numbers

    return in_colours if sys.stdout.isatty() else with_numbers


PREDICTORS = {
    "lm": predict_next,
    "classifier": predict_labels,
    "tagger": predict_tags,
    "translator": predict_translations,
    "forecaster": predict_series,
}
