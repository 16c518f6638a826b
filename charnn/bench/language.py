"""The speed of sampling and training on this machine, compared with the plain torch loop and with the machine's limits.

All contestants of a row take turns, and medians of several rounds are compared, so that other load affects them alike.
"""

import multiprocessing
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from statistics import median
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from charnn.cells.layer import RecurrentLayer
from charnn.cells.settings import StackSettings
from charnn.decoding.settings import SamplingSettings
from charnn.decoding.writing import Writer, uniform_streams
from charnn.engine.engine import Engine
from charnn.engine.settings import LanguageNetworkSettings
from charnn.kernels.compile import compiled_sum
from charnn.tasks.lm.network import LanguageNetwork, TorchEngine

SYMBOLS = 68  # Vocabulary of random networks: the 65 symbols of a plain English text and 3 specials
WINDOW = 64  # Time steps of a sequence in training
TORCH_SPIN = "300000"  # GOMP_SPINCOUNT of torch without charnn, for its contestants, which run in a separate process
TORCH: dict[str | None, Any] = {"rnn_tanh": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}  # torch's modules by Cell.torch_name
Run = Callable[[int], Any]  # Does n units of work
Timer = Callable[[int], float]  # Does n units of work, and returns the seconds that they took


@dataclass(frozen=True)
class Row:
    """One network at one batch size: rates per second of charnn, of torch where it has the cell, and of the machine's limit."""

    cell: str
    layers: int
    hidden_size: int
    batch: int
    charnn: float
    torch: float | None
    limit: float

    @property
    def ratio(self) -> float | None:
        """Return the speed relative to torch, None for a cell that torch lacks."""
        return None if self.torch is None else self.charnn / self.torch

    @property
    def limit_fraction(self) -> float:
        """Return the speed as a fraction of the machine's limit."""
        return self.charnn / self.limit


def bench_sampling(settings: LanguageNetworkSettings, batch: int, rounds: int, tensors: dict[str, NDArray[Any]] | None = None) -> Row:
    """Measure tokens per second of sampling: charnn, torch step by step, and memory bandwidth over weight size; tensors: weights."""
    stack = settings.stack
    vocabulary = SYMBOLS if tensors is None else len(tensors["embedding.weight"])
    network = LanguageNetwork(settings, vocabulary_size=vocabulary).eval()
    weights = tensors or {name: tensor.numpy() for name, tensor in network.state_dict().items()}
    engine = TorchEngine(network) if stack.loaded_cell.turn is None else Engine(settings, weights)
    writer = Writer(engine, SamplingSettings(), streams=uniform_streams(1, range(batch)), may_end=False)
    writer.begin(0 if engine.label_count else None)
    writer.read(np.array([3]))
    numbers = np.ones(weight_bytes(stack, vocabulary) // 4, np.float32)  # Every step must read as many bytes.
    runs = timed(writer.write), timed(repeated(partial(_sum, numbers)))
    return _beside_torch(stack, batch, batch, runs, rounds, _torch_sampler, settings, vocabulary, batch)


def bench_training(cell: str, hidden_size: int, batch: int, rounds: int) -> Row:
    """Measure time steps per second of one layer, forwards and backwards: charnn's, torch's, and the bare matrix products."""
    stack = StackSettings(cell=cell, hidden_size=hidden_size)
    ours = _training(RecurrentLayer(hidden_size, stack), stack, batch)
    return _beside_torch(stack, batch, batch * WINDOW, (timed(ours), timed(_products(stack, batch))), rounds, _torch_training, stack, batch)


def _beside_torch(
    stack: StackSettings, batch: int, unit: int, runs: tuple["Timer", "Timer"], rounds: int, make: Callable[..., "Run"], *arguments: Any
) -> Row:
    """Measure charnn and the limit, and torch in a separate process if it has the cell; one run has `unit` tokens or steps."""
    names = stack.cell, stack.layers, stack.hidden_size, batch
    if stack.loaded_cell.torch_name not in TORCH:
        charnn, limit = take_turns(runs, rounds)
        return Row(*names, charnn * unit, None, limit * unit)
    with _in_own_process(make, *arguments) as theirs:
        # In this order, since charnn would be a fifth slower right after torch's process, whose threads still wait in a busy loop.
        charnn, torch_, limit = take_turns([runs[0], theirs, runs[1]], rounds)
    return Row(*names, charnn * unit, torch_ * unit, limit * unit)


def weight_bytes(stack: StackSettings, vocabulary: int) -> int:
    """Return the bytes of weights that a step must read; the first layer's input products are in a table."""
    hidden, cell = stack.hidden_size, stack.loaded_cell
    recurrent = len(cell.blocks) * hidden * hidden * (stack.layers - 1 + stack.layers * cell.reads_hidden)
    return 4 * (recurrent + vocabulary * hidden)


def take_turns(contestants: Sequence[Timer], rounds: int, seconds: float = 0.15) -> list[float]:
    """Return the units per second of each contestant, the median of the rounds; `seconds` is the time of one turn."""
    counts = [_warm_count(contestant, seconds) for contestant in contestants]
    times: list[list[float]] = [[] for _ in contestants]
    for _ in range(rounds):
        for number, contestant in enumerate(contestants):
            times[number].append(contestant(counts[number]))
            time.sleep(0.05)  # Until threads in a busy loop have gone to sleep
    return [count / median(taken) for count, taken in zip(counts, times, strict=True)]


def _warm_count(contestant: Timer, seconds: float) -> int:
    """Return the number of units that take about this long; kernels are compiled and caches are filled meanwhile."""
    contestant(2)
    count = 2
    while (taken := contestant(count)) < seconds / 2 and count < 1 << 20:
        count = min(4 * count, max(count + 1, round(count * seconds / max(taken, 1e-6))))
    return count


def repeated(step: Callable[[], Any]) -> Run:
    """Return a run whose unit of work is one call."""

    def run(count: int) -> None:
        for _ in range(count):
            step()

    return run


def timed(run: Run) -> Timer:
    """Return a timer of a run."""

    def seconds(count: int) -> float:
        started = time.perf_counter()
        run(count)
        return time.perf_counter() - started

    return seconds


@contextmanager
def _in_own_process(make: Callable[..., Run], *arguments: Any) -> Iterator[Timer]:
    """Return a timer of a contestant in another process, where torch has its settings without charnn."""
    context = multiprocessing.get_context("spawn")
    pipe, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs, torch.get_num_threads(), make, *arguments), daemon=True)
    before = os.environ.get("GOMP_SPINCOUNT")
    os.environ["GOMP_SPINCOUNT"] = TORCH_SPIN
    process.start()
    os.environ["GOMP_SPINCOUNT"] = before or TORCH_SPIN

    def seconds(count: int) -> float:
        pipe.send(count)
        return float(pipe.recv())

    try:
        yield seconds
    finally:
        pipe.send(None)
        process.join()


def _serve(pipe: Any, threads: int, make: Callable[..., Run], *arguments: Any) -> None:
    torch.set_num_threads(threads)
    seconds = timed(make(*arguments))
    while (count := pipe.recv()) is not None:
        pipe.send(seconds(count))


def _torch_training(stack: StackSettings, batch: int) -> Run:
    size = stack.hidden_size
    return _training(TORCH[stack.loaded_cell.torch_name](size, size, batch_first=True), stack, batch)


def _training(module: nn.Module, stack: StackSettings, batch: int) -> Run:
    """Return a run forwards and backwards through a layer, from a zero state."""
    hidden_size = stack.hidden_size
    x = torch.randn(batch, WINDOW, hidden_size, requires_grad=True)
    outer = torch.randn(batch, WINDOW, hidden_size)
    parts = tuple(torch.zeros(1, batch, hidden_size) for _ in stack.loaded_cell.states)
    state = parts if isinstance(module, RecurrentLayer | nn.LSTM) else parts[0]
    return repeated(lambda: module(x, state)[0].backward(outer))


def _torch_sampler(settings: LanguageNetworkSettings, vocabulary: int, batch: int) -> Run:
    """Return the usual sampling loop of PyTorch programs: a module called for one step, softmax, a draw."""
    stack = settings.stack
    embedding, output = nn.Embedding(vocabulary, settings.width), nn.Linear(stack.hidden_size, vocabulary)
    network = TORCH[stack.loaded_cell.torch_name](settings.width, stack.hidden_size, stack.layers, batch_first=True)

    @torch.no_grad()
    def run(count: int) -> None:
        tokens, state = torch.zeros(batch, 1, dtype=torch.long), None
        for _ in range(count):
            hidden, state = network(embedding(tokens), state)
            tokens = torch.multinomial(torch.softmax(output(hidden[:, -1]) / 0.8, dim=-1), 1)

    return run


@compiled_sum
def _sum(numbers: Any) -> Any:
    total = np.float32(0.0)
    for i in range(len(numbers)):  # By index, since a loop over the numbers is not vectorised and a twentieth as fast.
        total += numbers[i]
    return total


def _products(stack: StackSettings, batch: int) -> Run:
    """Return a run of the matrix products of one layer's forward and backward pass, and nothing else."""
    hidden, cell = stack.hidden_size, stack.loaded_cell
    rows = len(cell.blocks) * hidden
    x, weights, one = torch.randn(batch * WINDOW, hidden), torch.randn(rows, hidden), torch.randn(batch, hidden)
    all_gates, step_gates = torch.randn(batch * WINDOW, rows), torch.randn(batch, rows)
    transposed = weights.t().contiguous()

    def step() -> None:
        torch.mm(x, transposed)
        torch.mm(all_gates, weights)
        torch.mm(all_gates.t(), x)
        if cell.reads_hidden:
            for _ in range(WINDOW):
                torch.mm(one, transposed)
                torch.mm(step_gates, weights)
            torch.mm(all_gates.t(), x)

    return repeated(step)
