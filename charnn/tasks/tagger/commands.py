"""`charnn predict` for a tagger: the spans or tags of texts, or the tags of tokens as CoNLL."""

from typing import Any

from charnn.data.conll import token_sentences, write_conll
from charnn.data.readers import Decoding, find_sources, read_lines, read_text
from charnn.data.settings import PredictSettings
from charnn.errors import SettingError
from charnn.tasks.tagger.report import marked
from charnn.tasks.task import Call

OF_ROWS = ("format", "input_format", "text_column", "strict", "shard")  # Options that only rows of text have


def predict(model: Any, call: Call) -> int:
    """Mark the spans of each text, or tag its tokens; return the exit code."""
    rows = call.collected(PredictSettings)
    if not call.options.get("tokens"):
        return call.pipe(call.arguments, rows, model.predict, text_format=marked)
    call.refuse(OF_ROWS, "cannot be combined with --tokens, which reads and writes CoNLL")
    if not call.arguments:
        raise SettingError("tokens", "needs a file, or - for standard input")
    for source in find_sources(call.arguments):
        lines = read_lines(read_text(source, Decoding(rows.encoding, rows.errors, "unix")))
        for tokens in token_sentences(lines, source.name):  # Each is written as soon as it is read
            call.write(write_conll(tokens, model.tag([tokens])))
    return 0
