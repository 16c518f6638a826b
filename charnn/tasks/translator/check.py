"""The data of a translator, pairs of texts: recognised, checked, read and split into two parts."""

from collections import Counter
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


RECOGNISERS = {
    "files": lambda look: "its files are parallel" if look.files.source or (look.files.target and not look.files.tables) else None,
    "options": lambda look: look.option("source_column", "target_column", "reverse"),
    "names": _by_names,
    "lines": _by_lines,
}


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
        data = PairData(PairFiles(sources.corpus, inputs.source, inputs.target), settings.data)
        train, valid = read_parts(data, sources, settings, inputs)
        examination = examine_pairs(train, valid)
        train, valid = usable(train), usable(valid)
        if not train or not valid:
            raise DataError(f"{data.name}: contains no pairs with two sides to train or validate on; give more")
        return cls(data.name, data.reading, examination, train, valid)


def read_parts(data: PairData, sources: Sources, settings: TranslatorSettings, inputs: TranslatorInputs) -> tuple[list[Pair], list[Pair]]:
    """Return training and validation pairs; without files for validation they are a random fraction of the data."""
    pairs, valid = list(data.pairs()), validation_files(sources, inputs)
    if valid is not None:
        return pairs, list(PairData(valid, settings_for(valid, settings.data), reading=data.reading).pairs())
    return hold_out(pairs, sources.valid_fraction, settings.loop.seed)


def validation_files(sources: Sources, inputs: TranslatorInputs) -> PairFiles | None:
    """Return the tables or parallel files to validate on; None where a fraction of the data is held out."""
    return PairFiles(sources.valid, inputs.valid_source, inputs.valid_target) if sources.valid or inputs.valid_files else None


def open_data(sources: Sources, settings: TranslatorSettings, inputs: TranslatorInputs, problems: Problems) -> Opened:
    """Return the files and a function that reads them; raise DataError for unreadable files, SettingError for contradictions."""
    how, valid = replace(settings.data, errors="replace"), validation_files(sources, inputs)
    reading = Reading(problems.add, skips=how.skip_bad_rows)
    data = PairData(PairFiles(sources.corpus, inputs.source, inputs.target), how, reading=reading)
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
            found = examine_pairs(*parts)
            contents.rows += found.lines()
            contents.facts |= {"unit": "pair", "train": found.pairs, "valid": found.valid}
            findings = ("duplicates", "ambiguous", "shared", "shared_sources", "empty", "outliers")
            contents.facts |= {name: vars(getattr(found, name)) for name in findings}
        contents.add_symbols({side: one.counts() for side, one in symbols.items()})
        return contents

    return Opened([*data.sources, *(other.sources if other else [])], read)
