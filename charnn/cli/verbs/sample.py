"""`charnn sample`: text written by a language model, streamed."""

import itertools
import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from charnn.cells.settings import parse_clamps
from charnn.cli.models import open_model, read_text, text_of, warn_unknown
from charnn.cli.options import SectionedCommand, refuse, settings_options
from charnn.cli.process import say, write
from charnn.data.answers import json_line
from charnn.data.readers import standard_input
from charnn.decoding.settings import SamplingSettings
from charnn.errors import SettingError
from charnn.settings import collect
from charnn.tasks.registry import able

if TYPE_CHECKING:
    from charnn.decoding.generator import Generator
    from charnn.tasks.lm.model import LanguageModel


@click.command(cls=SectionedCommand)
@click.argument("model", required=False)
@click.argument("prompt", required=False)
@click.option("--length", type=click.IntRange(1), help="Tokens to write at most.  [default: 500, with --until-end 100,000]")
@click.option("--count", type=click.IntRange(1, 100_000), default=1, show_default=True, help="Texts to write, side by side.")
@click.option("--seed", type=click.IntRange(0, 2**63 - 1), help="Seed of the draw; by default another one each time.")
@click.option("--label", help="Label of the text, for a model trained with labels.")
@click.option("--stop", multiple=True, help="Text to stop before; can be given several times.")
@click.option("--until-end", is_flag=True, help="Write documents to their ends, with a model trained on documents.")
@click.option("--beam", type=click.IntRange(1, 1000), help="Search for the likeliest text with a beam of this width, instead of sampling.")
@click.option("--length-penalty", type=click.FloatRange(0, 10), default=0.0, help="Favour long texts in a beam search; 0.6 to 1 is usual.")
@click.option("--prompt-file", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="File with the prompt.")
@click.option("--interactive", is_flag=True, help="Talk with the model line by line; it remembers earlier lines.")
@click.option(
    "--clamp", multiple=True, metavar="LAYER:UNIT=VALUE", help="Fix a hidden unit's output; layers from 1, units from 0; several."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object per text; docs/json.md lists the keys.")
@settings_options(SamplingSettings)
@click.pass_context
def sample(ctx: click.Context, /, model: str | None, prompt: str | None, **values: Any) -> None:
    """Write text with a trained language model.

    MODEL: a run folder or model file; by default the newest run. PROMPT: the beginning of the text, or - for standard
    input. Text is written to standard output as soon as it is sampled.

    Examples:
    charnn sample checkpoints/poems "Once upon a time" --temperature 0.7 --seed 1
    echo "Once" | charnn sample checkpoints/poems - --length 300
    """
    refuse_contradictions(ctx, values)
    trained = open_model(model, able("write"))
    settings = collect(SamplingSettings, values)
    text = text_of(prompt, values["prompt_file"], "prompt_file") or ""
    warn_unknown(trained.tokenizer.unknown_symbols(text))
    generator = trained.generator.clamped(parse_clamps(values["clamp"], trained.settings.network.stack))
    seed = values["seed"] if values["seed"] is not None else secrets.randbits(32)
    options = {"label": values["label"], "length": values["length"], "stop": values["stop"], "until_end": values["until_end"]}
    if values["interactive"]:
        converse(generator, settings, seed, options)
    elif values["beam"] is not None:
        search = {"beam": values["beam"], "length_penalty": values["length_penalty"], "count": values["count"]}
        write_all(trained, generator.search(text, **search, **options), text, values, None)
    elif values["as_json"]:
        texts = generator.sample(text, count=values["count"], settings=settings, seed=seed, **options)
        write_all(trained, texts, text, values, seed)
    else:
        stream(generator, text, values["count"], settings, seed, options)


def refuse_contradictions(ctx: click.Context, values: dict[str, Any]) -> None:
    """Raise SettingError for options that have no effect with others."""
    if values["beam"] is None:
        refuse(ctx, ["length_penalty"], "has no effect without --beam; leave it out or give --beam")
    else:
        rules = ["temperature", "top_k", "top_p", "min_p", "repetition_penalty", "no_repeat", "seed"]
        refuse(ctx, rules, "has no effect on a beam search, which is deterministic; leave it or --beam out")
        if values["count"] > values["beam"]:
            raise SettingError("count", f"can be at most the beam of {values['beam']}, got {values['count']}")
    if values["interactive"]:
        refuse(ctx, ["beam", "count", "until_end", "as_json", "prompt_file"], "cannot be combined with --interactive; leave one out")
    if values["temperature"] == 0:
        reason = "has no effect at temperature 0, which always takes the likeliest token; leave it out"
        refuse(ctx, ["top_k", "top_p", "min_p", "seed"], reason)


def stream(generator: "Generator", prompt: str, count: int, settings: SamplingSettings, seed: int, options: dict[str, Any]) -> None:
    """Write one text piece by piece; several texts one after another, once all are finished."""
    texts = [prompt] * count
    pieces = generator.stream(prompt, count=count, settings=settings, seed=seed, **options)
    if count == 1:
        write(prompt)  # after stream() has checked the options
    for number, piece in pieces:
        texts[number] += piece
        if count == 1:
            write(piece)
    write("\n" if count == 1 else f"{separated(texts)}\n")


def separated(texts: list[str]) -> str:
    """Join several texts, by line ends if none has a line end, else by lines of dashes."""
    return ("\n" if all("\n" not in text for text in texts) else f"\n{'-' * 20}\n").join(texts)


def write_all(trained: "LanguageModel", texts: list[str], prompt: str, values: dict[str, Any], seed: int | None) -> None:
    """Write finished texts, as JSON lines or as plain text with the prompt."""
    if not values["as_json"]:
        write(f"{separated([prompt + text for text in texts])}\n")
        return
    for number, text in enumerate(texts):
        facts = {"model": trained.name, "label": values["label"], "seed": seed, "number": number, "prompt": prompt, "text": text}
        if values["clamp"]:
            facts["clamp"] = list(values["clamp"])
        write(json_line(facts))


def converse(generator: "Generator", settings: SamplingSettings, seed: int, options: dict[str, Any]) -> None:
    """Answer each line of standard input with text of the model, which keeps its state. Raises DataError for invalid bytes."""
    talk = generator.conversation(settings=settings, seed=seed, label=options["label"])
    stop, source = options["stop"] or ("\n",), standard_input()
    for number in itertools.count(1):
        click.echo("> ", nl=False, err=True)
        data = source.readline()
        if not data:
            say("")
            return
        line = read_text(data.replace(b"\r\n", b"\n"), f"standard input:{number}")
        for piece in talk.reply(line, length=options["length"], stop=stop):
            write(piece)
        write("\n")
