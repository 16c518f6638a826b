"""Pairs of texts for a translator: read, split into two parts, and examined."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from charnn.check.contents import Contents, Opened, Problems
from charnn.check.guessing import Look
from charnn.check.pairs import PairExamination, examine_pairs
from charnn.check.symbols import Symbols
from charnn.data.pairs import Pair, PairData, hold_out, is_tatoeba, names_pairs, settings_for, usable
from charnn.data.settings import PairFiles
from charnn.data.tables.reading import Reading
from charnn.errors import DataError
from charnn.tasks.translator.settings import TranslatorInputs, TranslatorSettings
from charnn.training.model import Sources

FINDINGS = ("duplicates", "ambiguous", "shared", "shared_sources", "empty", "outliers")


def _by_files(look: Look) -> str | None:
    return "its files are parallel" if look.files.source or (look.files.target and not look.files.tables) else None


def _by_names(look: Look) -> str | None:
    if look.row is None:
        return None
    if names_pairs(look.row.values):
        return "its columns are a source and a target"
    first = look.first_row(has_header=False)
    return "its lines are two sentences, each with its number" if first and is_tatoeba(first) else None


def _by_lines(look: Look) -> str | None:
    if set(look.widths) == {2}:
        look.refuse_labels()
    has_most = look.kind == ".tsv" and 2 * look.widths[2] > look.widths.total()
    return "its lines are two texts divided by a tab" if set(look.widths) == {2} or has_most else None


SIGNS = {
    "files": _by_files,
    "options": lambda look: look.option("source_column", "target_column", "reverse"),
    "names": _by_names,
    "lines": _by_lines,
}
"""By each kind of evidence the reason why files look like pairs."""


@dataclass(frozen=True, eq=False)
class TranslatorData:
    """Pairs with two sides, in a training and a validation part."""

    name: str
    reading: Reading
    examination: PairExamination
    train: list[Pair]
    valid: list[Pair]

    @classmethod
    def read(cls, sources: Sources, settings: TranslatorSettings, inputs: TranslatorInputs) -> "TranslatorData":
        """Read and split the data; raise DataError where there is nothing to train or validate on, SettingError for contradictions."""
        data = PairData(training_files(sources, inputs), settings.data)
        train, valid = read_parts(data, sources, settings, inputs)
        examination = examine_pairs(train, valid)
        train, valid = usable(train), usable(valid)
        if not train or not valid:
            raise DataError(f"{data.name}: holds no pairs with two sides to train or validate on; give more")
        return cls(data.name, data.reading, examination, train, valid)


def read_parts(data: PairData, sources: Sources, settings: TranslatorSettings, inputs: TranslatorInputs) -> tuple[list[Pair], list[Pair]]:
    """Return training and validation pairs; without files of its own the validation part is a random fraction."""
    pairs, valid = list(data.pairs()), validation_files(sources, inputs)
    if valid is not None:
        return pairs, list(PairData(valid, settings_for(valid, settings.data), reading=data.reading).pairs())
    return hold_out(pairs, sources.valid_share, settings.loop.seed)


def training_files(sources: Sources, inputs: TranslatorInputs) -> PairFiles:
    """Return the tables or parallel files to train on."""
    return PairFiles(sources.corpus, inputs.source, inputs.target)


def validation_files(sources: Sources, inputs: TranslatorInputs) -> PairFiles | None:
    """Return the tables or parallel files to validate on; None where a part of the data is held out."""
    return PairFiles(sources.valid, inputs.valid_source, inputs.valid_target) if sources.valid or inputs.valid_files else None


def open_data(sources: Sources, settings: TranslatorSettings, inputs: TranslatorInputs, problems: Problems) -> Opened:
    """Return the files and what reads them; raise DataError for missing or unreadable files, SettingError for contradictions."""
    how, valid = replace(settings.data, errors="replace"), validation_files(sources, inputs)
    reading = Reading(problems.add, skips=how.skip_bad_rows)
    data = PairData(training_files(sources, inputs), how, reading=reading)
    other = None if valid is None else PairData(valid, settings_for(valid, how), reading=reading)

    def read() -> Contents:
        pairs, contents = problems.all_of(data.pairs()), Contents()
        if not pairs:
            return contents
        symbols = {}
        for side in ("source", "target"):
            texts, symbols[side] = [getattr(pair, side) for pair in pairs], Symbols()
            for text, pair in zip(texts, pairs, strict=True):
                symbols[side].add(text, pair.where)
            contents.lengths[f"words of a {side}"] = Counter(len(text.split()) for text in texts)
        contents.rows += reading.facts()
        with problems.caught():
            parts = hold_out(pairs, None, settings.loop.seed) if other is None else (pairs, problems.all_of(other.pairs()))
            _tell_pairs(contents, *parts)
        contents.tell({side: one.counts() for side, one in symbols.items()})
        return contents

    return Opened([*data.sources, *(other.sources if other else [])], read)


def _tell_pairs(contents: Contents, train: Sequence[Pair], valid: Sequence[Pair]) -> None:
    found = examine_pairs(train, valid)
    contents.rows += found.lines()
    contents.facts |= {"unit": "pair", "train": found.pairs, "valid": found.valid}
    contents.facts |= {name: vars(getattr(found, name)) for name in FINDINGS}
