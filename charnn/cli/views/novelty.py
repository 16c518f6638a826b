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

CONTEXT, SHOWN = 30, 60  # Characters beside a copy that are shown, and of the copy itself

AT_ONCE = 100  # Documents that are drawn side by side
DRAWING = ("length", "seed", *(one.name for one in own_settings(SamplingSettings)))  # Options that say how samples are drawn


@click.command(cls=SectionedCommand)
@click.argument("model", required=False)
@click.argument("samples", nargs=-1)
@click.option("--corpus", multiple=True, help="Training text, if it is not where the run recorded it; several times.")
@click.option("--compare", multiple=True, help="Real text to measure beside the samples; by default what the run held out; several times.")
@click.option(
    "--length", type=click.IntRange(1, MOST), default=10_000, show_default=True, help="Tokens to draw where no samples are given."
)
@click.option("--seed", type=click.IntRange(0, 2**32), default=0, show_default=True, help="Seed of the draw.")
@click.option("--top", type=click.IntRange(0, 1000), default=3, show_default=True, help="Copies to show, the longest first.")
@json_option
@settings_options(SamplingSettings)
@click.pass_context
def novelty(ctx: click.Context, /, model: str | None, samples: tuple[str, ...], as_json: bool, **values: Any) -> None:
    """Tell whether a language model copies its training text.

    MODEL: a run folder or model file; by default the newest run. SAMPLES: files that it wrote, or - for standard input; without
    them, samples are drawn. Compared character by character with the training text, which the run recorded, or --corpus. Real
    text of the same kind, as long as the samples and not trained on, tells how much any such text has in common.

    JSON keys: model, seed (null for given samples), corpus, corpus_characters, is_training_text (true, false, or null where the run
    cannot tell), samples and held_out (or null), each {characters, words, longest, in_overlaps (share of characters in verbatim overlaps
    of at least 20, 50, 100), new_characters, new_words (share of runs of so many that the training text does not have)},
    copies: [{length, text, sample, begin, place (in the training text), where}].
    """
    from charnn.inspection.novelty import compare, find_text, is_same
    from charnn.tasks.lm.data import excerpts

    refuse(ctx, DRAWING if samples else (), "has no effect on samples that are given; leave it out")
    trained = open_model(model, able("write"))
    recorded = record_of(Path(trained.name))
    text = find_text(trained, recorded, values["corpus"])
    texts = [*read(samples)] if samples else draw(trained, collect(SamplingSettings, values), values["length"], values["seed"])
    size = sum(map(len, texts))
    check_size(size)
    held = held_out(trained, text, values["compare"], size)
    sets = {"samples": texts} | ({"held_out": held} if held else {})
    found, characters = compare(sets, text.chunks())
    copies = found["samples"].copies(values["top"])
    places = excerpts([(copy.place, copy.length) for copy in copies], text.pieces(), CONTEXT, CONTEXT)
    is_training = is_same(trained, text, recorded)
    facts: dict[str, Any] = {"model": trained.name, "seed": None if samples else values["seed"], "corpus": text.names}
    facts |= {"corpus_characters": characters, "is_training_text": is_training}
    facts |= {name: found[name].facts() if name in found else None for name in ("samples", "held_out")}
    if as_json:
        show_json(facts | {"copies": [plain(copy, found["samples"], where) for copy, (where, *_) in zip(copies, places, strict=True)]})
        return
    write_lines([*heading(facts, values["compare"]), "", *table(facts), "", *copies_shown(copies, found["samples"], places)])


def record_of(run: Path) -> Mapping[str, Any]:
    """What the run recorded of its training; nothing beside a model file that lies alone."""
    headers = run_headers(run if run.is_dir() else run.parent)
    return next((one for one in headers if one.get("task") in able("write")), {})


def read(paths: Sequence[str]) -> Iterator[str]:
    """The texts of files. Raises DataError."""
    for source in find_sources(paths):
        text = "".join(read_text(source, Decoding("utf-8", "strict", "keep")))
        if not text:
            raise DataError(f"{source.name}: holds no text; give a file that does")
        yield text


def draw(trained: Any, settings: SamplingSettings, length: int, seed: int) -> list[str]:
    """Samples of so many tokens; of a model of documents so many that they have as many characters."""
    if not trained.is_documents:
        return [text for text in trained.generator.sample(settings=settings, length=length, seed=seed) if text]
    texts: list[str] = []
    while sum(map(len, texts)) < length:
        found = trained.generator.sample(settings=settings, count=AT_ONCE, length=length, seed=seed + len(texts), until_end=True)
        texts += [f"{text}\n" for text in found]
    return texts


def check_size(size: int) -> None:
    """Raise DataError for no characters, or for more than can be indexed."""
    if size > MOST:
        raise DataError(f"the samples hold {size:,} characters, and at most {MOST:,} can be compared at once; give fewer")
    if not size:
        raise DataError("the samples hold no text; draw others with --seed, or give some")


def held_out(trained: Any, text: "TrainedText", given: Sequence[str], length: int) -> list[str]:
    """Real text that was not trained on, of so many characters at most; none where there is none."""
    from charnn.data.tokenized import whole
    from charnn.inspection.novelty import as_read, beginning

    if given:
        part = whole(Corpus(given, text.corpus.settings))
        return [beginning(as_read(trained, part, text.is_plain), length)]
    return [] if text.held_chunks is None else [beginning(text.held_chunks, length)]


def plain(copy: "Copy", samples: "Novelty", where: str) -> dict[str, Any]:
    """A copy as JSON takes it."""
    text = samples.texts[copy.text][copy.begin : copy.begin + copy.length]
    return {"length": copy.length, "text": text, "sample": copy.text, "begin": copy.begin, "place": copy.place, "where": where or None}


KNOWN = {
    True: "what the model was trained on",
    False: "not what the model was trained on, by its fingerprint, or divided otherwise",
    None: "whether the model was trained on it is not recorded",
}


def heading(facts: Mapping[str, Any], compared: Sequence[str]) -> list[str]:
    """What was compared with what."""
    drawn = "as given" if facts["seed"] is None else f"drawn by seed {facts['seed']}"
    first, *others = facts["corpus"]
    files = first + (f" and {len(others)} more" if others else "")
    lines = [f"{'samples':<15}{facts['samples']['characters']:,} characters, {drawn}"]
    lines.append(f"{'training text':<15}{files}: {facts['corpus_characters']:,} characters; {KNOWN[facts['is_training_text']]}")
    if facts["held_out"] is not None:
        what = ", ".join(compared) if compared else "the part that is held out of it"
        lines.append(f"{'real text':<15}{what}: {facts['held_out']['characters']:,} characters from its beginning")
    return lines


def table(facts: Mapping[str, Any]) -> list[str]:
    """A row a measure, the samples beside real text."""
    sides = [facts[name] for name in ("samples", "held_out") if facts[name] is not None]
    rows = [["", "samples", "real text"][: 1 + len(sides)]]
    rows.append(["longest verbatim overlap, characters", *(f"{side['longest']:,}" for side in sides)])
    for least in sides[0]["in_overlaps"]:
        rows.append([f"characters in overlaps of {least} and more", *(share(side["in_overlaps"][least]) for side in sides)])
    for key, unit in (("new_characters", "character"), ("new_words", "word")):
        for size in sides[0][key]:
            rows.append([f"new runs of {size} {unit}{'' if size == '1' else 's'}", *(share(side[key][size]) for side in sides)])
    return grid(rows)


def share(value: float | None) -> str:
    """A share as a person reads it."""
    return "-" if value is None else f"{100 * value:.2f} %"


def copies_shown(copies: "Sequence[Copy]", samples: "Novelty", places: Sequence[tuple[str, str, str, str]]) -> list[str]:
    """Each copy in both texts, one below the other."""
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
    """The copies below each other, in what stands around them."""
    shown = [(name, *map(visible, parts)) for name, parts in rows]
    margin = max(columns(before) for _, before, _, _ in shown)
    return [f"  {name:<9} {' ' * (margin - columns(before))}{before}»{shortened(copy)}«{after}" for name, before, copy, after in shown]


def shortened(text: str) -> str:
    """A text without its middle where it is long."""
    return text if len(text) <= SHOWN else f"{text[: SHOWN // 2]} … {text[-SHOWN // 2 :]}"
