"""How fast this machine samples and trains: charnn beside the plain torch loop and beside the machine's own limits, in one run.

All contestants of a row take turns, and the medians of several rounds are compared: a neighbour's burst hits them alike.
"""

import multiprocessing
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from charnn.cells.layer import RecurrentLayer
from charnn.cells.settings import GATES, STATES, StackSettings
from charnn.decoding.settings import SamplingSettings
from charnn.decoding.writing import Writer, uniform_streams
from charnn.engine.engine import Engine
from charnn.engine.settings import LanguageNetworkSettings
from charnn.kernels.compile import compiled_sum
from charnn.tasks.lm.network import LanguageNetwork

SYMBOLS = 68
"""Vocabulary of the networks made up for a benchmark: the 65 symbols of a plain English text and 3 specials."""

WINDOW = 64
"""Time steps of the sequences that `train` is measured on."""

TORCH_SPIN = "300000"
"""GOMP_SPINCOUNT of torch's contestants, which run in a process of their own with the value that torch has without charnn."""

TORCH = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}


@dataclass(frozen=True)
class Row:
    """One network at one batch size: rates per second of charnn, of torch, and of the limit that the machine sets."""

    cell: str
    layers: int
    hidden_size: int
    batch: int
    charnn: float
    torch: float
    limit: float

    @property
    def ratio(self) -> float:
        """How many times as fast as torch."""
        return self.charnn / self.torch

    @property
    def share(self) -> float:
        """Which share of the limit is reached."""
        return self.charnn / self.limit


def bench_sampling(settings: LanguageNetworkSettings, batch: int, rounds: int, tensors: dict[str, NDArray[Any]] | None = None) -> Row:
    """Tokens per second of sampling: charnn's engine, torch's module called step by step, and memory bandwidth over the weights' size.

    tensors: the weights of a trained model; random ones where none are given.
    """
    stack = settings.stack
    vocabulary = SYMBOLS if tensors is None else len(tensors["embedding.weight"])
    network = LanguageNetwork(settings, vocabulary_size=vocabulary).eval()
    weights = tensors or {name: tensor.numpy() for name, tensor in network.state_dict().items()}
    engine = Engine(settings, weights)
    writer = Writer(engine, SamplingSettings(), streams=uniform_streams(1, range(batch)), may_end=False)
    writer.begin(0 if engine.label_count else None)
    writer.read(np.array([3]))
    with _InOwnProcess(_torch_sampler, settings, vocabulary, batch) as theirs:
        reader = _reader(weight_bytes(stack, vocabulary))
        charnn, torch_, steps = take_turns([timed(writer.write), theirs.seconds, timed(reader)], rounds)
    return Row(stack.cell, stack.layers, stack.hidden_size, batch, charnn * batch, torch_ * batch, steps * batch)


def bench_training(cell: str, hidden_size: int, batch: int, rounds: int) -> Row:
    """Time steps per second of one layer, forwards and backwards: charnn's, torch's module, and the bare matrix products it needs."""
    ours = _training(RecurrentLayer(hidden_size, StackSettings(cell=cell, hidden_size=hidden_size)), cell, hidden_size, batch)
    with _InOwnProcess(_torch_training, cell, hidden_size, batch) as theirs:
        products = _products(GATES[cell], hidden_size, batch)
        rates = take_turns([timed(ours), theirs.seconds, timed(products)], rounds)
    return Row(cell, 1, hidden_size, batch, *(rate * batch * WINDOW for rate in rates))


def weight_bytes(stack: StackSettings, vocabulary: int) -> int:
    """Bytes of weights that a step must read; the first layer's input products come from a table."""
    rows = GATES[stack.cell] * stack.hidden_size
    recurrent = rows * stack.hidden_size * (2 * stack.layers - 1)
    return 4 * (recurrent + vocabulary * stack.hidden_size)


Run = Callable[[int], Any]
"""Does a unit of work so many times."""


def take_turns(contestants: Sequence[Callable[[int], float]], rounds: int, seconds: float = 0.15) -> list[float]:
    """Units per second of each contestant, who says how long so many units took: the median over the rounds."""
    counts = [_warm_count(contestant, seconds) for contestant in contestants]
    times: list[list[float]] = [[] for _ in contestants]
    for _ in range(rounds):
        for number, contestant in enumerate(contestants):
            times[number].append(contestant(counts[number]))
            time.sleep(0.05)  # Until threads that wait in a busy loop have gone to sleep.
    return [count / median(taken) for count, taken in zip(counts, times, strict=True)]


def _warm_count(contestant: Callable[[int], float], seconds: float) -> int:
    """How many units take about so long; compiles and fills caches on the way."""
    contestant(2)
    count = 2
    while (taken := contestant(count)) < seconds / 2 and count < 1 << 20:
        count = min(4 * count, max(count + 1, round(count * seconds / max(taken, 1e-6))))
    return count


def timed(run: Run) -> Callable[[int], float]:
    def seconds(count: int) -> float:
        started = time.perf_counter()
        run(count)
        return time.perf_counter() - started

    return seconds


class _InOwnProcess:
    """A contestant made and timed in another process, where torch is as it is without charnn."""

    def __init__(self, make: Callable[..., Run], *arguments: Any) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, torch.get_num_threads(), make, *arguments), daemon=True)
        before = os.environ.get("GOMP_SPINCOUNT")
        os.environ["GOMP_SPINCOUNT"] = TORCH_SPIN
        self._process.start()
        os.environ["GOMP_SPINCOUNT"] = before or TORCH_SPIN

    def __enter__(self) -> "_InOwnProcess":
        return self

    def __exit__(self, *_: object) -> None:
        self._pipe.send(None)
        self._process.join()

    def seconds(self, count: int) -> float:
        """How long so many units took there."""
        self._pipe.send(count)
        return float(self._pipe.recv())


def _serve(pipe: Any, threads: int, make: Callable[..., Run], *arguments: Any) -> None:
    torch.set_num_threads(threads)
    seconds = timed(make(*arguments))
    while (count := pipe.recv()) is not None:
        pipe.send(seconds(count))


def _torch_training(cell: str, hidden_size: int, batch: int) -> Run:
    return _training(TORCH[cell](hidden_size, hidden_size, batch_first=True), cell, hidden_size, batch)


def _training(module: nn.Module, cell: str, hidden_size: int, batch: int) -> Run:
    """Forwards and backwards through a layer, from a zero state."""
    x = torch.randn(batch, WINDOW, hidden_size, requires_grad=True)
    outer = torch.randn(batch, WINDOW, hidden_size)
    parts = tuple(torch.zeros(1, batch, hidden_size) for _ in range(STATES[cell]))
    state = parts if isinstance(module, RecurrentLayer | nn.LSTM) else parts[0]

    def run(count: int) -> None:
        for _ in range(count):
            module(x, state)[0].backward(outer)

    return run


@torch.no_grad()
def _torch_step(network: nn.Module, embedding: nn.Embedding, output: nn.Linear, tokens: Tensor, state: Any) -> tuple[Tensor, Any]:
    hidden, state = network(embedding(tokens), state)
    return torch.multinomial(torch.softmax(output(hidden[:, -1]) / 0.8, dim=-1), 1), state


def _torch_sampler(settings: LanguageNetworkSettings, vocabulary: int, batch: int) -> Run:
    """The loop that PyTorch programs sample with: a module called for one step, softmax, a draw."""
    stack = settings.stack
    embedding, output = nn.Embedding(vocabulary, settings.width), nn.Linear(stack.hidden_size, vocabulary)
    network = TORCH[stack.cell](settings.width, stack.hidden_size, stack.layers, batch_first=True)

    def run(count: int) -> None:
        tokens, state = torch.zeros(batch, 1, dtype=torch.long), None
        for _ in range(count):
            tokens, state = _torch_step(network, embedding, output, tokens, state)

    return run


@compiled_sum
def _sum(numbers: Any) -> Any:
    total = np.float32(0.0)
    for i in range(len(numbers)):  # By index: a loop over the numbers themselves is no vector code, and reads a twentieth as fast.
        total += numbers[i]
    return total


def _reader(size: int) -> Run:
    """Reads so many bytes, again and again: what a step cannot do without."""
    numbers = np.ones(size // 4, np.float32)

    def run(count: int) -> None:
        for _ in range(count):
            _sum(numbers)

    return run


def _products(gates: int, hidden: int, batch: int) -> Run:
    """The matrix products of one layer's forward and backward pass, at their shapes, and nothing else."""
    rows = gates * hidden
    x, weights, one = torch.randn(batch * WINDOW, hidden), torch.randn(rows, hidden), torch.randn(batch, hidden)
    all_gates, step_gates = torch.randn(batch * WINDOW, rows), torch.randn(batch, rows)
    transposed = weights.t().contiguous()

    def run(count: int) -> None:
        for _ in range(count):
            torch.mm(x, transposed)
            for _ in range(WINDOW):
                torch.mm(one, transposed)
                torch.mm(step_gates, weights)
            torch.mm(all_gates, weights)
            torch.mm(all_gates.t(), x)
            torch.mm(all_gates.t(), x)

    return run
