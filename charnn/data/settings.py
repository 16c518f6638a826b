"""Settings of how files are read, for every kind of data, on the command line and in model files; quick to import."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from charnn.data.readers import Data, TextSettings, check_encoding
from charnn.errors import DataError, SettingError
from charnn.settings import Settings, setting, shown

if TYPE_CHECKING:  # typing.Self is newer than Python 3.10
    from typing_extensions import Self

CONLLU_COLUMNS = ("id", "form", "lemma", "upos", "xpos", "feats", "head", "deprel", "deps", "misc")
"""The names of the ten columns, https://universaldependencies.org/format.html."""

KINDS = {".csv": "csv", ".tsv": "tsv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "json"}  # Formats of tables by extension
FORMATS = tuple(dict.fromkeys(KINDS.values()))  # All formats of tables
NAMES = {"tab": "\t", "\\t": "\t"}  # Other ways to write a delimiter on the command line

OF_FILES: dict[str, Any] = {"input_format": None, "delimiter": None, "header": None, "skip_bad_rows": False}
"""Settings, with their defaults, that belong to certain files and are not taken over for other files."""


@dataclass(frozen=True)
class ReadSettings(TextSettings):
    """How files are read."""

    input_format: str | None = setting(None, "Format of the files; by default that of the extension.", choices=FORMATS)
    delimiter: str | None = setting(None, "Character between the cells of a table, such as ; or tab; by default found in its first line.")
    header: bool | None = setting(None, "Whether the first line of a table names its columns; by default so, unless columns are numbers.")

    def __post_init__(self) -> None:
        super().__post_init__()
        cut = self.cell_delimiter
        if cut is not None and (len(cut) != 1 or cut in '"\r\n'):
            raise SettingError("delimiter", f"must be one character such as ',', ';', '|' or tab, got {shown(self.delimiter)}")

    @property
    def cell_delimiter(self) -> str | None:
        """The delimiter as one character."""
        return None if self.delimiter is None else NAMES.get(self.delimiter, self.delimiter)

    def format_of(self, kind: str) -> str | None:
        """Return the format of a file with this extension; None if it is no table."""
        return self.input_format or KINDS.get(kind)

    def refuse_without_table(self, name: str, *columns: str) -> None:
        """Raise DataError if settings of tables are given for a file that is no table."""
        given = [f"--{one.replace('_', '-')}" for one in (*columns, "delimiter", "header") if getattr(self, one) is not None]
        if given:
            verb, they = ("has", "it") if len(given) == 1 else ("have", "them")
            advice = f"leave {they} out, or say --input-format csv, tsv or jsonl"
            raise DataError(f"{name}: is no table, so {' and '.join(given)} {verb} no effect; {advice}")


@dataclass(frozen=True)
class TableSettings(ReadSettings):
    """How files are read, and what becomes of bad rows."""

    skip_bad_rows: bool = setting(False, "Leave bad rows out, and report how many, instead of stopping at the first.")

    def elsewhere(self, how: Mapping[str, Any]) -> "Self":
        """Return the settings for other files: these and the given ones, but without those of OF_FILES that are not given."""
        return replace(self, **{**OF_FILES, **how})


@dataclass(frozen=True)
class CorpusSettings(TableSettings):
    """How files become text."""

    documents: str = setting("whole", "What a document is: the whole text, or each line.", choices=("whole", "lines"))
    text_column: str | None = setting(None, "Column of a table that holds the text, by name or number; each row is a document.")
    label_column: str | None = setting(None, "Column that holds the label of each row.")
    labels_from_files: bool = setting(False, "Take each file's name as the label of its lines.")
    newlines: str = setting("keep", "Ends of lines: as they are, or all turned into a newline.", choices=("keep", "unix"))

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.is_table and self.labels_from_files:
            raise SettingError("labels_from_files", "cannot be combined with text_column or label_column; choose one")
        if self.is_table and self.documents == "lines":
            raise SettingError("documents", "cannot be lines when text_column or label_column is given: there each row is a document")
        for name, default in OF_FILES.items():
            if not self.is_table and getattr(self, name) != default:
                raise SettingError(name, "has no effect on running text; leave it out, or name a --text-column")

    @property
    def is_table(self) -> bool:
        """Are the files tables of rows with named columns?"""
        return self.text_column is not None or self.label_column is not None

    @property
    def is_documents(self) -> bool:
        """Does the corpus consist of documents, each with a beginning and an end?"""
        return self.is_table or self.labels_from_files or self.documents == "lines"


@dataclass(frozen=True)
class LabelledSettings(TableSettings):
    """How files become texts with labels."""

    text_column: str | None = setting(None, "Column of a table that holds the text, by name or number; by default known by its name.")
    label_column: str | None = setting(None, "Column that holds the label; by default known by its name.")


@dataclass(frozen=True)
class TaggedSettings(Settings):
    """How files become tagged sentences."""

    token_column: str | None = setting(None, "Column of the token: a number from 1, or a CoNLL-U name; by default the first, or form.")
    tag_column: str | None = setting(None, "Column of the tag: a number from 1, or a CoNLL-U name; by default the last, or upos.")
    encoding: str = setting("utf-8", "Encoding of the files.")
    errors: str = setting("strict", "What to do with bytes that are no text: refuse, or replace by U+FFFD.", choices=("strict", "replace"))

    def __post_init__(self) -> None:
        super().__post_init__()
        check_encoding(self.encoding)
        for name in ("token_column", "tag_column"):
            value = getattr(self, name)
            if value is not None and value not in CONLLU_COLUMNS and not (value.isdecimal() and len(value) < 10 and int(value) >= 1):
                raise SettingError(name, f"must be a number from 1, or one of {', '.join(CONLLU_COLUMNS)}; got {shown(value)}")


@dataclass(frozen=True)
class PairSettings(TableSettings):
    """How files become pairs of texts."""

    source_column: str | None = setting(
        None, "Column of a table that holds the source, by name or number; in JSON also a path such as translation.en."
    )
    target_column: str | None = setting(None, "Column that holds the target; by default known by its name, else the second.")
    reverse: bool = setting(False, "Translate the other way: source and target change places.")


OF_TABLES: dict[str, Any] = {"source_column": None, "target_column": None, **OF_FILES}
"""Settings that have no effect on files of parallel lines."""


@dataclass(frozen=True)
class PairFiles:
    """The files of pairs: tables, or files of parallel lines."""

    tables: Data = ()
    source: Data = ()
    target: Data = ()


@dataclass(frozen=True)
class SeriesSettings(TableSettings):
    """How a series is read."""

    target: str | None = setting(None, "Column to predict, or several with commas between; by default the only one of numbers.")
    inputs: str | None = setting(None, "Further columns to predict it from, with commas between, or all.")
    time_column: str | None = setting(None, "Column of the time; by default the first one, if it holds no numbers.")
    missing: str = setting("refuse", "What to do where a value is missing: refuse, or interpolate.", choices=("refuse", "interpolate"))


@dataclass(frozen=True)
class PredictSettings(ReadSettings):
    """Rows in and out."""

    input_format: str | None = setting(
        None, "Format of files and standard input; by default that of the extension, else lines.", choices=("lines", *FORMATS)
    )
    text_column: str | None = setting(None, "Column of a table that holds the text, by name or number; by default known by its name.")
    format: str | None = setting(None, "How to write the result; by default as the input is.", choices=("text", "jsonl", "csv", "tsv"))
    strict: bool = setting(False, "Stop at the first bad row, instead of leaving it out.")
    shard: str | None = setting(None, "Predict only every n-th row from the i-th on, given as i/n, so that n machines share the input.")

    def __post_init__(self) -> None:
        super().__post_init__()
        _ = self.part  # raises SettingError for a bad shard

    @property
    def part(self) -> tuple[int, int]:
        """The first row of this shard, from 0, and the step from each row to the next. Raises SettingError."""
        found = re.fullmatch(r"([0-9]{1,9})/([0-9]{1,9})", "1/1" if self.shard is None else self.shard)
        if not found or not 1 <= int(found[1]) <= int(found[2]):
            raise SettingError("shard", f"must be i/n with i from 1 to n, such as 1/4; got {self.shard!r}")
        return int(found[1]) - 1, int(found[2])
