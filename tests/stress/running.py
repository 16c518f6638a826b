"""Command lines run as users run them, each in a process of its own, and what is wrong with how they end."""

import json
import os
import re
import resource
import signal
import subprocess
import sys
import time
import traceback
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
from tempfile import TemporaryFile
from types import TracebackType
from typing import NamedTuple, NoReturn, TypeVar

ROOT = Path(__file__).parents[2]

DOCUMENTED = (0, 1, 2, 3, 4, 5, 130, 143)
"""Exit codes that the README names."""

SAID = (1, 2, 4, 5)
"""Those that come with a sentence."""

SENTENCE = re.compile(r".*[.?!]\)?|Got unexpected extra arguments? \(.*\)", re.DOTALL)
"""How an error ends; click's complaint about extra arguments is the one that has no full stop."""

VERDICT = re.compile(rb"^verdict     cannot be trained on: .*\.$|\"trainable\": false", re.MULTILINE)
"""How a check of data ends that finds them bad; that is no error."""

COMPUTING, PATIENCE = 60, 900
"""Seconds that a command may compute, and may take on a machine that has other things to do."""

SIDES = 2
"""Commands that run at once."""

T = TypeVar("T")

ENVIRONMENT = {
    "PYTHONPATH": str(ROOT),
    "OMP_NUM_THREADS": "1",
    # As in most locales: what is no character cannot be written.
    "PYTHONIOENCODING": "utf-8:strict",
    "COLUMNS": "100",
}

CLOSED = None
"""As standard input: none at all."""


class Outcome(NamedTuple):
    """How a command ended."""

    code: int | None  # minus the signal where one killed it; None where it did not end in time
    output: bytes
    errors: str
    seconds: float  # of computing
    peak: int  # bytes of resident memory


class End(NamedTuple):
    """How a process ended."""

    code: int | None
    seconds: float
    peak: int


def complaint(outcome: Outcome) -> str | None:
    """What is wrong with how a command ended, if anything is."""
    if outcome.code is None or outcome.code == -signal.SIGXCPU:
        return f"did not end, and had computed for {outcome.seconds:.0f} s"
    if outcome.code < 0:
        return f"killed by {signal.Signals(-outcome.code).name}"
    if "Traceback (most recent call last)" in outcome.errors or "Exception ignored" in outcome.errors:
        return "traceback: " + outcome.errors.strip().rsplit("\n", 1)[-1]
    if outcome.code not in DOCUMENTED:
        return f"exit code {outcome.code}"
    if outcome.code == 1 and VERDICT.search(outcome.output):
        return None
    last = re.split(r"(?:^|\n)Error: ", outcome.errors.rstrip("\n"))[-1]
    if outcome.code in SAID and not SENTENCE.fullmatch(last):
        return f"exit code {outcome.code} without a sentence: {last!r:.200}"
    return None


def run_charnn(arguments: Sequence[str], folder: Path, *, stdin: bytes | None = b"", timeout: float = PATIENCE) -> Outcome:
    """A command in a new Python."""
    with TemporaryFile(dir=folder) as given, TemporaryFile(dir=folder) as output, TemporaryFile(dir=folder) as errors:
        given.write(stdin or b"")
        given.seek(0)
        command = [sys.executable, "-m", "charnn", *map(os.fsencode, arguments)]
        if stdin is CLOSED:
            command = ["sh", "-c", 'exec "$@" <&-', "sh", *command]
        process = subprocess.Popen(command, cwd=folder, stdin=given, stdout=output, stderr=errors, env=os.environ | ENVIRONMENT)
        end = waited(process.pid, timeout)
        process.returncode = 0  # it has been waited for
        for one in (output, errors):
            one.seek(0)
        return Outcome(end.code, output.read(), errors.read().decode("utf-8", "replace"), end.seconds, end.peak)


class Forks:
    """A process that has charnn and torch loaded, and runs each command in a fork of itself: imports are saved, nothing is shared."""

    def __init__(self, folder: Path, memory: int | None = None) -> None:
        """The folder holds what the commands write; memory is the most bytes of data that a command may have."""
        folder.mkdir(exist_ok=True)
        self._folder = folder
        environment = {**os.environ, **ENVIRONMENT, "TMPDIR": str(folder)}
        command = [sys.executable, "-m", "tests.stress.running", *([] if memory is None else [str(memory)])]
        self._process = subprocess.Popen(command, cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __enter__(self) -> "Forks":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Ends the process."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()

    def run(self, arguments: Sequence[str], folder: Path, *, stdin: bytes | None = b"") -> Outcome:
        """A command in this folder."""
        places = {name: str(self._folder / name) for name in ("stdin", "stdout", "stderr")}
        Path(places["stdin"]).write_bytes(stdin or b"")
        request = {"arguments": list(arguments), "folder": str(folder), "is_closed": stdin is CLOSED, **places}
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(json.dumps(request), file=self._process.stdin, flush=True)
        answer = json.loads(self._process.stdout.readline())
        output, errors = (Path(places[name]).read_bytes() for name in ("stdout", "stderr"))
        return Outcome(answer["code"], output, errors.decode("utf-8", "replace"), answer["seconds"], answer["peak"])


def side_by_side(tasks: Sequence[Callable[[Forks], T]], place: Path, memory: int | None = None) -> list[T]:
    """What the tasks give, in order; two of them run at once, each with a process to fork from. The place is for their files."""
    sides = [Forks(place / f"side-{number}", memory) for number in range(min(SIDES, len(tasks)))]
    free: SimpleQueue[Forks] = SimpleQueue()
    for one in sides:
        free.put(one)

    def done(task: Callable[[Forks], T]) -> T:
        forks = free.get()
        try:
            return task(forks)
        finally:
            free.put(forks)

    with ThreadPoolExecutor(SIDES) as pool:
        results = list(pool.map(done, tasks))
    for one in sides:
        one.close()
    return results


def serve(memory: int | None) -> None:
    """Reads requests from standard input, a JSON object a line, and answers in the same way."""
    requests, answers = os.fdopen(os.dup(0)), os.fdopen(os.dup(1), "w")
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(nothing, 1)
    _load()
    for line in requests:
        request = json.loads(line)
        child = os.fork()
        if not child:
            _be_charnn(request, memory)
        print(json.dumps(waited(child, PATIENCE)._asdict()), file=answers, flush=True)


def _load() -> None:
    """Imports what commands import, and reads compiled kernels, without starting any thread of torch: those do not survive a fork."""
    import sentencepiece  # noqa: F401
    import sklearn.linear_model  # noqa: F401
    import torch._dynamo  # noqa: F401  # whatever makes a network without memory loads it


def _be_charnn(request: dict, memory: int | None) -> NoReturn:
    """Turns a fork into the command that is asked for."""
    code: object = 1
    try:
        resource.setrlimit(resource.RLIMIT_CPU, (COMPUTING, COMPUTING + 1))
        if memory is not None:
            resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))
        os.chdir(request["folder"])
        os.dup2(os.open(request["stdin"], os.O_RDONLY), 0)
        for number, name in ((1, "stdout"), (2, "stderr")):
            os.dup2(os.open(request[name], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), number)
        if request["is_closed"]:
            os.close(0)
            sys.stdin = None  # type: ignore[assignment]  # as in a Python that is started without
        code = _exit_code(request["arguments"])
    finally:
        os._exit(code if isinstance(code, int) else 1)


def _exit_code(arguments: list[str]) -> object:
    from charnn.cli.main import run

    code: object = 1
    try:
        run(arguments)
    except SystemExit as error:
        code = 0 if error.code is None else error.code
    except BaseException:
        traceback.print_exc()
    try:
        sys.stdout.flush()
    except OSError:
        code = 120
    sys.stderr.flush()
    return code


def waited(process: int, timeout: float) -> End:
    """The end of a child; kills it where it takes longer than that."""
    deadline, pause, is_late = time.monotonic() + timeout, 0.001, False
    while True:
        number, status, usage = os.wait4(process, os.WNOHANG)
        if number:
            peak = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
            return End(None if is_late else os.waitstatus_to_exitcode(status), usage.ru_utime + usage.ru_stime, peak)
        if time.monotonic() > deadline and not is_late:
            os.kill(process, signal.SIGKILL)
            is_late = True
        time.sleep(pause)
        pause = min(2 * pause, 0.02)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    serve(int(sys.argv[1]) if len(sys.argv) > 1 else None)
