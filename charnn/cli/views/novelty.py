"""`charnn inspect novelty`: whether a language model copies its training text."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from charnn.cli.models import open_model, run_headers
from charnn.cli.options import SectionedCommand, refuse, settings_options
from charnn.cli.process import write_lines
from charnn.cli.showing import json_option, show_json
from charnn.data.corpus import Corpus
from charnn.data.readers import Decoding, find_sources, read_text
from charnn.decoding.settings import SamplingSettings
from charnn.errors import DataError
from charnn.plots.letters import columns, grid, visible
from charnn.settings import collect, own_settings
from charnn.tasks.registry import able

if TYPE_CHECKING:
    from charnn.inspection.novelty import Copy, Novelty, TrainedText

MOST = 5_000_000  # Characters of samples: their index takes about 200 bytes for each
CONTEXT, SHOWN = 30, 60  # Characters shown on each side of a copy, and of the copy itself
AT_ONCE = 100  # Documents that are sampled together
DRAWING = ("length", "seed", *(one.name for one in own_settings(SamplingSettings)))  # Options of sampling
KNOWN = {
    True: "the model was trained on it",
    False: "the model was not trained on it, by its fingerprint, or it was split otherwise",
    None: "not recorded whether the model was trained on it",
}


@click.command(cls=SectionedCommand)
@click.argument("model", required=False)
@click.argument("samples", nargs=-1)
@click.option("--corpus", multiple=True, help="Training text, if it is not where the run recorded it; several times.")
@click.option("--compare", multiple=True, help="Real text to compare with; by default the validation part; several times.")
@click.option("--length", type=click.IntRange(1, MOST), default=10_000, show_default=True, help="Tokens to sample if no SAMPLES are given.")
@click.option("--seed", type=click.IntRange(0, 2**32), default=0, show_default=True, help="Seed of the draw.")
@click.option("--top", type=click.IntRange(0, 1000), default=3, show_default=True, help="Copies to show, the longest first.")
@json_option
@settings_options(SamplingSettings)
@click.pass_context
def novelty(ctx: click.Context, /, model: str | None, samples: tuple[str, ...], as_json: bool, **values: Any) -> None:
    """Find out whether a language model copies its training text.

    MODEL: a run folder or model file; by default the newest run. SAMPLES: files that it wrote, or - for standard input; by
    default samples are drawn. They are compared character by character with the training text, which the run recorded, or with
    --corpus. Real text of the same kind and length, which the model was not trained on, shows how much overlap is normal.
    """
    from charnn.inspection.novelty import compare, find_text
    from charnn.tasks.lm.data import excerpts

    refuse(ctx, DRAWING if samples else (), "has no effect on samples that are given; leave it out")
    trained = open_model(model, able("write"))
    run = Path(trained.name)
    headers = run_headers(run if run.is_dir() else run.parent)
    recorded: dict[str, Any] = next((one for one in headers if one.get("task") in able("write")), {})
    text = find_text(trained, recorded, values["corpus"])
    texts = [*read(samples)] if samples else draw(trained, collect(SamplingSettings, values), values["length"], values["seed"])
    size = sum(map(len, texts))
    if not size:
        raise DataError("the samples have no text; draw others with --seed, or give some")
    if size > MOST:
        raise DataError(f"the samples have {size:,} characters, and at most {MOST:,} can be compared at once; give fewer")
    real = real_text(text, values["compare"], size)
    sets = {"samples": texts} | ({"held_out": real} if real else {})
    found, characters = compare(sets, text.as_read(text.train))
    copies = found["samples"].copies(values["top"])
    places = excerpts([(copy.place, copy.length) for copy in copies], text.pieces(), CONTEXT, CONTEXT)
    facts: dict[str, Any] = {"model": trained.name, "seed": None if samples else values["seed"]}
    facts |= {
        "corpus": [one.name for one in text.corpus.sources],
        "corpus_characters": characters,
        "is_training_text": text.is_same(recorded),
    }
    facts |= {name: found[name].facts() if name in found else None for name in ("samples", "held_out")}
    if as_json:
        plain = [copy.facts(texts[copy.text], where) for copy, (where, *_) in zip(copies, places, strict=True)]
        show_json(facts | {"copies": plain})
        return
    write_lines([*heading(facts, values["compare"]), "", *table(facts), "", *copies_shown(copies, found["samples"], places)])


def read(paths: Sequence[str]) -> Iterator[str]:
    """Return the texts of files. Raises DataError."""
    for source in find_sources(paths):
        text = "".join(read_text(source, Decoding("utf-8", "strict", "keep")))
        if not text:
            raise DataError(f"{source.name}: holds no text; give a file that does")
        yield text


def draw(trained: Any, settings: SamplingSettings, length: int, seed: int) -> list[str]:
    """Return samples of this length in tokens; from a model of documents, whole documents of at least as many characters."""
    if not trained.is_documents:
        return [text for text in trained.generator.sample(settings=settings, length=length, seed=seed) if text]
    texts: list[str] = []
    while sum(map(len, texts)) < length:
        found = trained.generator.sample(settings=settings, count=AT_ONCE, length=length, seed=seed + len(texts), until_end=True)
        texts += [f"{text}\n" for text in found]
    return texts


def real_text(text: "TrainedText", given: Sequence[str], length: int) -> list[str]:
    """Return the first characters of the given files or of the validation part; an empty list where there is none."""
    from charnn.data.tokenized import take, whole

    part = whole(Corpus(given, text.corpus.settings)) if given else text.held_out
    return [] if part is None else ["".join(take(text.as_read(part), 0, length))]


def heading(facts: Mapping[str, Any], compared: Sequence[str]) -> list[str]:
    """Return the lines that name samples, training text and real text."""
    drawn = "as given" if facts["seed"] is None else f"drawn by seed {facts['seed']}"
    first, *others = facts["corpus"]
    files = first + (f" and {len(others)} more" if others else "")
    lines = [f"{'samples':<15}{facts['samples']['characters']:,} characters, {drawn}"]
    lines.append(f"{'training text':<15}{files}: {facts['corpus_characters']:,} characters; {KNOWN[facts['is_training_text']]}")
    if facts["held_out"] is not None:
        what = ", ".join(compared) if compared else "its validation part"
        lines.append(f"{'real text':<15}{what}: {facts['held_out']['characters']:,} characters from its beginning")
    return lines


def table(facts: Mapping[str, Any]) -> list[str]:
    """Return a table with a row for each measure: the samples, and real text where there is some."""
    sides = [facts[name] for name in ("samples", "held_out") if facts[name] is not None]
    rows = [["", "samples", "real text"][: 1 + len(sides)]]
    rows.append(["longest verbatim overlap, characters", *(f"{side['longest']:,}" for side in sides)])
    for least in sides[0]["in_overlaps"]:
        rows.append([f"characters in overlaps of {least} and more", *(percent(side["in_overlaps"][least]) for side in sides)])
    for key, unit in (("new_characters", "character"), ("new_words", "word")):
        for size in sides[0][key]:
            rows.append([f"new runs of {size} {unit}{'' if size == '1' else 's'}", *(percent(side[key][size]) for side in sides)])
    return grid(rows)


def percent(value: float | None) -> str:
    """Return a fraction in percent, `-` for None."""
    return "-" if value is None else f"{100 * value:.2f} %"


def copies_shown(copies: "Sequence[Copy]", samples: "Novelty", places: Sequence[tuple[str, str, str, str]]) -> list[str]:
    """Return the copies, each in its sample and in the training text, one below the other."""
    from charnn.inspection.novelty import around

    lines = []
    for copy, (where, *theirs) in zip(copies, places, strict=True):
        number = f"sample {copy.text + 1}, " if len(samples.texts) > 1 else ""
        lines.append(f"{copy.length} characters: {number}character {copy.begin + 1:,} and {where or f'character {copy.place + 1:,}'}")
        ours = around(copy, samples.texts[copy.text], CONTEXT)
        lines += aligned([("sample", ours), ("training", theirs)])
        lines.append("")
    return lines[:-1] or ["No copy of 10 characters and more."]


def aligned(rows: Sequence[tuple[str, Sequence[str]]]) -> list[str]:
    """Return a line for each (name, (text before, copy, text after)), with the copies aligned."""
    shown = [(name, *map(visible, parts)) for name, parts in rows]
    margin = max(columns(before) for _, before, _, _ in shown)
    lines = []
    for name, before, copy, after in shown:
        middle = copy if len(copy) <= SHOWN else f"{copy[: SHOWN // 2]} … {copy[-SHOWN // 2 :]}"
        lines.append(f"  {name:<9} {' ' * (margin - columns(before))}{before}»{middle}«{after}")
    return lines
