"""The data of a language model: recognised and checked."""

from collections import deque
from dataclasses import replace

from charnn.check.contents import Contents, Opened, Problems
from charnn.check.corpus import examine_corpus
from charnn.data.corpus import Corpus
from charnn.data.tables.reading import Reading
from charnn.tasks.lm.settings import LanguageModelInputs, LanguageModelSettings
from charnn.training.model import Sources

TABLE = "it is a table with a text column, and no label column is given"
RECOGNISERS = {
    "options": lambda look: look.option("documents", "labels_from_files", "newlines"),
    "kind": lambda look: TABLE if look.is_table and "text_column" in look.given else None,
}


def open_data(sources: Sources, settings: LanguageModelSettings, inputs: LanguageModelInputs, problems: Problems) -> Opened:
    """Return the files and a function that reads them in bounded memory; raise DataError for missing or unreadable files."""
    how = replace(settings.corpus, errors="replace")
    reading = Reading(problems.add, skips=how.skip_bad_rows)
    parts = [part for part in (sources.corpus, sources.valid) if part]
    corpora = [Corpus(part, how, reading=Reading(lambda _: None)) for part in parts]

    def read() -> Contents:
        contents = Contents()
        with problems.caught():
            # An examination reads rows several times, but a bad row is to be reported once.
            for part in parts if how.is_table else []:
                deque(Corpus(part, how, reading=reading).documents(), maxlen=0)
            found = examine_corpus(corpora[0], corpora[1] if sources.valid else None, settings.loop.seed)
            contents.rows = [*reading.facts(), *found.lines(), *(row for row in corpora[0].facts() if row[0] == "warning")]
            contents.facts = {
                **{name: getattr(found, name) for name in ("unit", "train", "valid", "characters", "labels")},
                **{name: {**vars(getattr(found, name)), "one_in": found.one_in} for name in ("duplicates", "shared")},
            }
            contents.lengths[f"characters of a {found.unit}"] = found.lengths
            contents.add_symbols({"text": found.symbols})
        return contents

    return Opened([source for corpus in corpora for source in corpus.sources], read)
