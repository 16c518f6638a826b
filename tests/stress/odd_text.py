"""The same text in many forms and many prompts: what comes out must be what went in."""

import gzip
import json
import os
import threading
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

from charnn.checkpoint.model import load_model
from tests.stress.case import Case, Check, training
from tests.stress.desk import PROSE, SIGNS
from tests.stress.running import CLOSED, Outcome

TEXT = SIGNS * 20 + PROSE[:2000] + SIGNS * 40
DATA = TEXT.encode()

FORMS = {
    "a file": (["file.txt"], {"file.txt": DATA}),
    "a mark": (["file.txt"], {"file.txt": b"\xef\xbb\xbf" + DATA}),
    "UTF-16": (["file.txt", "--encoding", "utf-16"], {"file.txt": TEXT.encode("utf-16")}),
    "UTF-16 without a mark": (["file.txt", "--encoding", "utf-16-be"], {"file.txt": TEXT.encode("utf-16-be")}),
    "UTF-32": (["file.txt", "--encoding", "utf-32"], {"file.txt": TEXT.encode("utf-32")}),
    "GB 18030": (["file.txt", "--encoding", "gb18030"], {"file.txt": TEXT.encode("gb18030")}),
    "Windows line ends": (["file.txt", "--newlines", "unix"], {"file.txt": TEXT.replace("\n", "\r\n").encode()}),
    "gzip": (["file.txt.gz"], {"file.txt.gz": gzip.compress(DATA)}),
    "two files": (["1.txt", "2.txt"], {"1.txt": (SIGNS * 9).encode()[:-1], "2.txt": DATA[len((SIGNS * 9).encode()) :]}),
    "a space and a line end in its name": (["a b\n c.txt"], {"a b\n c.txt": DATA}),
    "a name that is no text": (["a\udcff.txt"], {"a\udcff.txt": DATA}),
    "a name of signs": ([f"{SIGNS[:40]}.txt"], {f"{SIGNS[:40]}.txt": DATA}),
}
"""Arguments and files of one and the same text."""

PROMPTS = {
    "signs": SIGNS,
    "bytes that are no text": "a\udcff\udc80b",
    "half a surrogate pair": "\ud83d",
    "a line end": "\n",
    "colours": "\x1b[31m\x07\r\x08",
    "names of specials": "<unk><start><end><0x41></s>",
    "formats": "%s {0} [bold]x[/bold] \\n",
    "a long text": "the string " * 10_000,
    "one long word": "x" * 100_000,
    "spaces": " " * 1000,
}

BYTES = {"no text": b"a\xff", "a NUL": b"a\0b", "UTF-16": "Once".encode("utf-16"), "nothing": b"", "no line end": b"the", "closed": CLOSED}
"""Standard inputs where a prompt or texts are expected."""


def cases() -> Iterator[Case]:
    """All forms, all prompts."""
    digests: dict[str, str] = {}
    for name, (arguments, files) in FORMS.items():
        yield Case(f"text in {name[:60]}", training(["train", "lm", *arguments]), (0,), files, check=_same_model(digests))
    for name, arguments in (("standard input", ["-"]), ("a FIFO", ["fifo"]), ("a link", ["link"]), ("a folder", ["folder"])):
        stdin = DATA if arguments == ["-"] else b""
        yield Case(f"text in {name}", training(["train", "lm", *arguments]), (0,), {}, stdin, _special_files, _same_model(digests))
    for name in ("/dev/null", "nothing", "missing.txt", "fifo-of-nothing", "loop"):
        yield Case(f"no text in {name}", training(["train", "lm", name]), (1,), prepare=_special_files)
    for name, prompt in PROMPTS.items():
        yield Case(f"sample {name}", ["sample", "lm", "--length", "5", "--", prompt], (0,), check=_begins_with(prompt))
        yield Case(f"sample {name} as JSON", ["sample", "lm", "--length", "5", "--json", "--", prompt], (0,), check=_is_json)
        yield Case(f"search from {name}", ["sample", "lm", "--length", "5", "--beam", "2", "--", prompt], (0,), check=_begins_with(prompt))
        for model in ("lm", "classifier", "tagger", "translator"):
            is_refused = not _is_text(prompt) or ("/" in prompt and " " not in prompt)  # the latter as a path that does not exist
            yield Case(f"predict by {model} {name}", ["predict", model, "--", prompt], (1,) if is_refused else (0,))
        yield Case(f"predict by forecaster {name}", ["predict", "forecaster", "--", prompt], (1,))
    for name, data in BYTES.items():
        yield Case(f"{name} as prompt", ["sample", "lm", "-", "--length", "5"], (0, 1), stdin=data)
        yield Case(f"{name} in a talk", ["sample", "lm", "--interactive", "--length", "5"], (0, 1), stdin=data)
        for model in ("lm", "classifier", "tagger", "translator"):
            yield Case(f"{name} to {model}", ["predict", model, "-"], (0, 1), stdin=data)
        yield Case(f"{name} to forecaster", ["predict", "forecaster", "-"], (1,), stdin=data)
        yield Case(f"{name} to forecaster, row by row", ["predict", "forecaster", "-", "--stream"], (0, 1), stdin=data)


def _same_model(digests: dict[str, str]) -> Check:
    """Is the model that of the other forms, and does it know all the signs?"""

    def check(outcome: Outcome, folder: Path) -> str | None:
        saved = load_model(folder / "new")
        tensors = {name: array.tobytes() for name, array in saved.tensors.items()}
        digest = sha256(repr((sorted(tensors.items()), saved.learned)).encode()).hexdigest()
        if set(saved.learned["tokenizer"]["symbols"]) != set(TEXT):
            return "the vocabulary is not that of the text"
        return None if digests.setdefault("model", digest) == digest else "the model differs from that of another form of the text"

    return check


def _special_files(folder: Path) -> None:
    (folder / "folder").mkdir()
    (folder / "folder" / "file.txt").write_bytes(DATA)
    (folder / "link").symlink_to("folder/file.txt")
    (folder / "loop").symlink_to("loop")
    for name, data in (("fifo", DATA), ("fifo-of-nothing", b"")):
        os.mkfifo(folder / name)
        # It waits for a reader, and there may never be one.
        threading.Thread(target=_write, args=(folder / name, data), daemon=True).start()


def _write(path: Path, data: bytes) -> None:
    try:
        path.write_bytes(data)
    except OSError:  # the reader has gone
        return


def _begins_with(prompt: str) -> Check:
    expected = prompt.encode("utf-8", "replace")
    return lambda outcome, folder: None if outcome.output.startswith(expected) else f"begins with {outcome.output[:100]!r}, not the prompt"


def _is_json(outcome: Outcome, folder: Path) -> str | None:
    found = [json.loads(line) for line in outcome.output.decode().split("\n") if line]
    return None if len(found) == 1 and len(found[0]["text"]) <= 5 else f"not one text of 5 characters: {found!r:.200}"


def _is_text(text: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in text)
