"""Settings of a language network, in torch or compiled, and the names and shapes of its weights."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import pairwise
from math import prod
from typing import TYPE_CHECKING, Any

from charnn.cells.settings import StackSettings
from charnn.errors import CheckpointError, SettingError
from charnn.settings import Settings, setting, shown

if TYPE_CHECKING:
    from numpy.typing import NDArray

SMALL_VOCABULARY, SMALL_EMBEDDING = 1000, 64  # For up to 1000 tokens an embedding has 64 units by default

Shape = tuple[int, ...]


@dataclass(frozen=True)
class LanguageNetworkSettings(Settings):
    """Settings of embedding, recurrent stack and output projection."""

    stack: StackSettings = field(default_factory=StackSettings)
    embedding_size: int | None = setting(
        None, "Units of a token's embedding; by default 64 for up to 1,000 tokens, else the hidden size.", least=1, most=16384
    )
    embedding_std: float | None = setting(
        None,
        "Standard deviation of embeddings before training; by default 1. At 0.1 rare tokens learn sooner.",
        above=0,
        most=10,
        was="embedding_deviation",
    )
    tie_weights: bool = setting(False, "Use the embedding as output weights too (needs an embedding as wide as the hidden size).")
    adaptive_softmax: bool = setting(False, "Give rare tokens smaller output weights; for vocabularies over 4,000.")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.tie_weights and self.width != self.stack.hidden_size:
            sizes = f"{self.width} and {self.stack.hidden_size}"
            raise SettingError("tie_weights", f"needs an embedding_size equal to hidden_size, got {sizes}")
        if self.tie_weights and self.adaptive_softmax:
            raise SettingError("tie_weights", "cannot be combined with adaptive_softmax; choose one")
        if self.stack.residual and self.stack.layers == 1 and self.width != self.stack.hidden_size:
            raise SettingError("residual", "has no effect on one layer whose embedding_size differs from hidden_size")

    def for_vocabulary(self, size: int) -> "LanguageNetworkSettings":
        """Return the settings with the default embedding size filled in: few symbols need only a few units."""
        if self.embedding_size is not None or self.tie_weights or size > SMALL_VOCABULARY:
            return self
        return replace(self, embedding_size=min(SMALL_EMBEDDING, self.stack.hidden_size))

    @property
    def initial_std(self) -> float:
        """Standard deviation of embeddings before training."""
        default = self.width**-0.5 if self.tie_weights else 1.0
        return default if self.embedding_std is None else self.embedding_std

    @property
    def width(self) -> int:
        """Units of an embedding."""
        return self.stack.hidden_size if self.embedding_size is None else self.embedding_size


def adaptive_cutoffs(vocabulary_size: int) -> list[int]:
    """Return the ids at which the two tails of an adaptive softmax begin, an eighth and a half of all (Grave et al. 2017).

    Ids are sorted by frequency. Raises SettingError for a vocabulary too small to gain from it.
    """
    if vocabulary_size < 4000:
        raise SettingError("adaptive_softmax", f"needs a vocabulary of at least 4,000 tokens, this one has {vocabulary_size:,}")
    return [vocabulary_size // 8, vocabulary_size // 2]


def check_shapes(settings: LanguageNetworkSettings, tensors: "Mapping[str, NDArray[Any]]") -> None:
    """Raise CheckpointError, naming the weight, unless the tensors are the weights of these settings, with the right shapes."""
    vocabulary = _rows(tensors, "embedding.weight")
    labels = _rows(tensors, "label_embedding.weight") if "label_embedding.weight" in tensors else 0
    check_weights(tensors, weight_shapes(settings, vocabulary, labels))


def check_weights(tensors: "Mapping[str, NDArray[Any]]", shapes: Mapping[str, Shape]) -> None:
    """Raise CheckpointError, naming the weight, unless the tensors have exactly these names and shapes, in float32."""
    for name, shape in shapes.items():
        found = f"{tensors[name].dtype} {tensors[name].shape}" if name in tensors else "missing"
        if found != f"float32 {shape}":
            raise CheckpointError(f"the model is damaged: its weight {name} is {found}, expected float32 {shape}")
    for name in sorted(tensors.keys() - shapes.keys())[:1]:
        raise CheckpointError(f"the model is damaged: its weight {shown(name)} belongs to no network of its settings")


def weight_shapes(settings: LanguageNetworkSettings, vocabulary: int, labels: int) -> dict[str, Shape]:
    """Return the shape of each weight by its name."""
    stack, hidden, width = settings.stack, settings.stack.hidden_size, settings.width
    shapes: dict[str, Shape] = {"embedding.weight": (vocabulary, width)}
    for layer, size in enumerate(stack.input_sizes(width)):
        norm = f"stack.norms.{layer}"
        shapes |= {f"stack.cells.{layer}.{name}": shape for name, shape in stack.loaded_cell.shapes(size, hidden).items()}
        if stack.layer_norm:
            shapes |= {f"{norm}.weight": (size,), f"{norm}.bias": (size,)}
    if stack.layer_norm:
        shapes |= {"stack.output_norm.weight": (hidden,), "stack.output_norm.bias": (hidden,)}
    if stack.initial_state == "learned":
        shapes["stack.initial_state"] = stack.state_shape
    if labels:
        shapes |= {"label_embedding.weight": (labels, width), "label_state.weight": (labels, prod(stack.state_shape))}
    return shapes | _output_shapes(settings, vocabulary)


def _output_shapes(settings: LanguageNetworkSettings, vocabulary: int) -> dict[str, Shape]:
    hidden = settings.stack.hidden_size
    if not settings.adaptive_softmax:
        weight: dict[str, Shape] = {} if settings.tie_weights else {"output.weight": (vocabulary, hidden)}
        return weight | {"output.bias": (vocabulary,)}
    cutoffs = adaptive_cutoffs(vocabulary)
    shapes: dict[str, Shape] = {"output.head.weight": (cutoffs[0] + len(cutoffs), hidden)}
    for tail, (low, high) in enumerate(pairwise([*cutoffs, vocabulary])):
        projected = max(hidden // 4 ** (tail + 1), 1)
        shapes |= {f"output.tail.{tail}.0.weight": (projected, hidden), f"output.tail.{tail}.1.weight": (high - low, projected)}
    return shapes


def _rows(tensors: "Mapping[str, NDArray[Any]]", name: str) -> int:
    """Return the number of rows of a matrix; raise CheckpointError where there is none."""
    if name not in tensors or tensors[name].ndim != 2:
        raise CheckpointError(f"the model is damaged: it has no matrix {name}")
    return len(tensors[name])
