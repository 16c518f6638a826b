"""How fast this machine samples and trains: charnn beside the plain torch loop and beside the machine's own limits, in one run.

All contestants of a row take turns, and the medians of several rounds are compared: a neighbour's burst hits them alike.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from charnn.architecture import GATES, LanguageNetworkSettings, StackSettings
from charnn.decoding.settings import SamplingSettings
from charnn.decoding.writing import Writer, uniform_streams
from charnn.kernels.compile import compiled_sum
from charnn.kernels.engine import Engine
from charnn.layers.cells import RecurrentLayer
from charnn.layers.language import LanguageNetwork

SYMBOLS = 68
"""Vocabulary of the networks made up for a benchmark: the 65 symbols of a plain English text and 3 specials."""

WINDOW = 64
"""Time steps of the sequences that `train` is measured on."""

PAUSE = 0.3
"""Seconds after torch's turn: its threads wait in a busy loop for more work and would slow down who comes next."""

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
    loop = _torch_sampler(settings, vocabulary, batch)
    bytes_read = weight_bytes(stack, vocabulary)
    contestants = [
        _Contestant(writer.write, 0.0),
        _Contestant(loop, PAUSE),
        _Contestant(_reader(bytes_read), 0.0),
    ]
    ours, theirs, steps = _take_turns(contestants, rounds)
    return Row(stack.cell, stack.layers, stack.hidden_size, batch, ours * batch, theirs * batch, steps * batch)


def bench_training(cell: str, hidden_size: int, batch: int, rounds: int) -> Row:
    """Time steps per second of one layer, forwards and backwards: charnn's, torch's module, and the bare matrix products it needs."""
    layer = RecurrentLayer(hidden_size, StackSettings(cell=cell, hidden_size=hidden_size))
    module = TORCH[cell](hidden_size, hidden_size, batch_first=True)
    x = torch.randn(batch, WINDOW, hidden_size, requires_grad=True)
    outer = torch.randn(batch, WINDOW, hidden_size)
    state = tuple(torch.zeros(1, batch, hidden_size) for _ in range(2 if cell == "lstm" else 1))

    def ours(count: int) -> None:
        for _ in range(count):
            layer(x, state)[0].backward(outer)

    def theirs(count: int) -> None:
        for _ in range(count):
            module(x)[0].backward(outer)

    contestants = [_Contestant(ours, 0.0), _Contestant(theirs, 0.0), _Contestant(_products(GATES[cell], hidden_size, batch), 0.0)]
    rates = [rate * batch * WINDOW for rate in _take_turns(contestants, rounds)]
    return Row(cell, 1, hidden_size, batch, *rates)


def weight_bytes(stack: StackSettings, vocabulary: int) -> int:
    """Bytes of weights that a step must read; the first layer's input products come from a table."""
    rows = GATES[stack.cell] * stack.hidden_size
    recurrent = rows * stack.hidden_size * (2 * stack.layers - 1)
    return 4 * (recurrent + vocabulary * stack.hidden_size)


@dataclass(frozen=True)
class _Contestant:
    run: Callable[[int], Any]  # does its unit of work so many times
    pause: float


def _take_turns(contestants: Sequence[_Contestant], rounds: int, seconds: float = 0.15) -> Iterator[float]:
    """Units per second of each contestant: the median over the rounds."""
    counts = [_warm_count(contestant, seconds) for contestant in contestants]
    times: list[list[float]] = [[] for _ in contestants]
    for _ in range(rounds):
        for number, contestant in enumerate(contestants):
            times[number].append(_timed(contestant, counts[number]))
            time.sleep(contestant.pause)
    return (count / median(taken) for count, taken in zip(counts, times, strict=True))


def _warm_count(contestant: _Contestant, seconds: float) -> int:
    """How many units take about so long; compiles and fills caches on the way."""
    _timed(contestant, 2)
    count = 2
    while (taken := _timed(contestant, count)) < seconds / 2 and count < 1 << 20:
        count = min(4 * count, max(count + 1, round(count * seconds / max(taken, 1e-6))))
    return count


def _timed(contestant: _Contestant, count: int) -> float:
    started = time.perf_counter()
    contestant.run(count)
    return time.perf_counter() - started


@torch.no_grad()
def _torch_step(network: nn.Module, embedding: nn.Embedding, output: nn.Linear, tokens: Tensor, state: Any) -> tuple[Tensor, Any]:
    hidden, state = network(embedding(tokens), state)
    return torch.multinomial(torch.softmax(output(hidden[:, -1]) / 0.8, dim=-1), 1), state


def _torch_sampler(settings: LanguageNetworkSettings, vocabulary: int, batch: int) -> Callable[[int], None]:
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
    for number in numbers:
        total += number
    return total


def _reader(size: int) -> Callable[[int], None]:
    """Reads so many bytes, again and again: what a step cannot do without."""
    numbers = np.ones(size // 4, np.float32)

    def run(count: int) -> None:
        for _ in range(count):
            _sum(numbers)

    return run


def _products(gates: int, hidden: int, batch: int) -> Callable[[int], None]:
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
