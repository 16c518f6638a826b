"""What `charnn predict` and `charnn evaluate` do with a translator."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from charnn.cli.options import collect, given
from charnn.cli.streams import write
from charnn.data.pairs import PairFiles
from charnn.data.rows import BadRow, InputRow, PredictSettings, find_inputs, read_rows
from charnn.decoding.settings import SamplingSettings
from charnn.errors import DataError, SettingError
from charnn.settings import own_settings

if TYPE_CHECKING:
    from charnn.tasks.translator.interpreter import Decoding

RULES = [one.name for one in own_settings(SamplingSettings)]

SEARCHING = ["beam", "length_penalty"]

DECODING = [*SEARCHING, "max_length"]
"""Options of both verbs."""

PREDICTING = [*DECODING, "n_best", "prefix", "sample", "seed", "attention", "attention_plot", *RULES]
"""Those of `predict` beside the rows'."""

EVALUATING = [*DECODING, "lowercase", "per_sentence", "source", "target"]
"""Those of `evaluate`."""


def decoding_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """How translations are searched for."""
    options = [
        click.option(
            "--beam", type=click.IntRange(1, 1000), default=5, show_default=True, help="Translations kept at every step (translator)."
        ),
        click.option(
            "--length-penalty", type=click.FloatRange(0, 10), default=1.0, show_default=True, help="Favours long translations (translator)."
        ),
        click.option(
            "--max-length",
            type=click.FloatRange(0, 100, min_open=True),
            default=3.0,
            show_default=True,
            help="Most tokens of a translation, as a multiple of the source's, and 10 (translator).",
        ),
    ]
    for option in reversed(options):
        command = option(command)
    return command


def predicting_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """What else `predict` can do with a translator."""
    options = [
        click.option(
            "--n-best", type=click.IntRange(1, 1000), default=1, show_default=True, help="Translations of each text (translator)."
        ),
        click.option("--prefix", default="", help="What every translation begins with (translator)."),
        click.option("--sample", is_flag=True, help="Draw translations by the rules below, instead of searching (translator)."),
        click.option("--seed", type=click.IntRange(0, 2**32 - 1), default=0, show_default=True, help="Seed of --sample (translator)."),
        click.option("--attention", is_flag=True, help="Show which words of the text each word of the translation looked at (translator)."),
        click.option(
            "--attention-plot", type=click.Path(path_type=Path), help="Draw that into a .png, .svg or .html file, of one text (translator)."
        ),
    ]
    for option in reversed(options):
        command = option(command)
    return command


def decoding(ctx: click.Context, values: dict[str, Any]) -> "Decoding":
    """How to decode, from a command line. Raises SettingError for options without effect."""
    from charnn.decoding.settings import BeamSettings
    from charnn.tasks.translator.interpreter import Decoding

    draws = values.get("sample", False)
    for name in given(ctx, SEARCHING if draws else ["seed", *RULES]):
        raise SettingError(name, "has no effect on --sample; leave it out" if draws else "has no effect without --sample; leave it out")
    return Decoding(
        beam=BeamSettings(values["beam"], values["length_penalty"]),
        count=values.get("n_best", 1),
        max_length=values["max_length"],
        prefix=values.get("prefix", ""),
        sampling=collect(SamplingSettings, values) if draws else None,
        seed=values.get("seed", 0),
    )


def predict_translations(ctx: click.Context, trained: Any, arguments: tuple[str, ...], values: dict[str, Any]) -> int:
    """The translation of each text."""
    from charnn.cli.pipe import pipe

    how, settings = decoding(ctx, values), collect(PredictSettings, values)
    if trained.settings.network.attention == "none":
        for name in given(ctx, ["attention", "attention_plot"]):
            raise SettingError(name, "has nothing to show of a model trained with --attention none; leave it out")
    if values["attention_plot"] is not None:
        for name in given(ctx, ["attention", "n_best", "format", "as_json", "strict"]):
            raise SettingError(name.removeprefix("as_"), "has no effect on --attention-plot; leave it out")
        return plot(trained, arguments, how, settings, values["attention_plot"])
    lines, aligns = translations_of(how.count), values["attention"]
    return pipe(
        arguments, settings, lambda rows: trained.predict(rows, how, aligns=aligns), text_format=with_attention(lines) if aligns else lines
    )


def with_attention(lines: Callable[[str, dict[str, Any]], str]) -> Callable[[str, dict[str, Any]], str]:
    """The same lines, and below them what the best translation looked at."""
    from charnn.metrics.alignment import Alignment
    from charnn.plots.heatmap import of_alignment
    from charnn.plots.heatmap_terminal import drawn_heatmap

    def shown(text: str, answer: dict[str, Any]) -> str:
        return f"{lines(text, answer)}\n{drawn_heatmap(of_alignment(Alignment.restore(answer['attention'])))}"

    return shown


def translations_of(count: int) -> Callable[[str, dict[str, Any]], str]:
    """The translation as a line of its own; several with their rank and score before them."""

    def lines(text: str, answer: dict[str, Any]) -> str:
        if count == 1:
            return str(answer["translation"])
        ranked = enumerate(answer["candidates"], 1)
        return "\n".join(f"{rank}\t{one['score']:.4f}\t{one['translation']}" for rank, one in ranked)

    return lines


def plot(trained: Any, arguments: tuple[str, ...], how: "Decoding", settings: PredictSettings, path: Path) -> int:
    """Draws the attention over one text into a file, and writes its translation. Raises DataError for a bad row."""
    from charnn.plots.heatmap import of_alignment
    from charnn.plots.heatmap_file import write_heatmap

    rows = [row for row in read_rows(find_inputs(arguments, settings), settings) if isinstance(row, InputRow | BadRow)]
    for row in rows:
        if isinstance(row, BadRow):
            raise DataError(row.message)
    found = [row.text for row in rows if isinstance(row, InputRow)]
    if len(found) != 1:
        raise SettingError("attention_plot", f"draws one text, got {len(found)}; give one")
    best = trained.translate(found, how, aligns=True)[0][0]
    write_heatmap(path, of_alignment(best.alignment, f"{found[0]} → {best.text}"), "attention_plot")
    write(f"{best.text}\n")
    click.echo(f"Wrote {path}.", err=True)
    return 0


def measure_translator(ctx: click.Context, trained: Any, data: tuple[str, ...], values: dict[str, Any]) -> dict[str, Any]:
    """BLEU, chrF and loss; or, where the first of the data is a model, how the two compare."""
    how = decoding(ctx, values)
    other, tables = second_model(data)
    files = PairFiles(tables, values["source"], values["target"])
    found: dict[str, Any]
    if other is None:
        found = trained.evaluate(files, how, lowercase=values["lowercase"], per_sentence=values["per_sentence"])
        return found
    if values["per_sentence"]:
        raise SettingError("per_sentence", "has no effect where two models are compared; leave it out")
    found = trained.compare(other, files, how, lowercase=values["lowercase"])
    return {"other": other.name, **found}


def second_model(data: tuple[str, ...]) -> tuple[Any, tuple[str, ...]]:
    """The model that the first of the data is, if it is one, and the rest of the data."""
    from charnn.checkpoint.model import MODEL_FILE
    from charnn.cli.models import open_model

    if data and ((Path(data[0]) / MODEL_FILE).is_file() or data[0].endswith(".safetensors")):
        return open_model(data[0], ["translator"]), data[1:]
    return None, data
