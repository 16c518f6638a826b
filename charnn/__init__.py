"""charnn: recurrent networks for text and other sequences. `charnn.LanguageModel(minutes=2).fit("poems.txt").sample("Once")`."""

import importlib
import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from charnn.api.classifier import Classifier
    from charnn.api.estimator import load
    from charnn.api.forecaster import Forecaster
    from charnn.api.lm import LanguageModel
    from charnn.api.tagger import Tagger
    from charnn.api.translator import Translator
    from charnn.errors import CharnnError, CheckpointError, DataError, DivergedError, SettingError, StorageError

# Idle threads of torch wait in a busy loop on the cores that our own threads need. With 5,000 iterations instead of 300,000 an update
# of the default model takes 25 ms, not 33; torch's LSTM is as fast as before. Read when torch is loaded.
os.environ.setdefault("GOMP_SPINCOUNT", "5000")

# numba colours its errors by colorama, which replaces standard output when it is loaded and breaks a progress bar that has done so too.
os.environ.setdefault("NUMBA_DISABLE_ERROR_MESSAGE_HIGHLIGHTING", "1")

__version__ = "0.1.0"
__all__ = [
    "CharnnError",
    "CheckpointError",
    "Classifier",
    "DataError",
    "DivergedError",
    "Forecaster",
    "LanguageModel",
    "SettingError",
    "StorageError",
    "Tagger",
    "Translator",
    "__version__",
    "load",
]

_PLACES = {
    "LanguageModel": "charnn.api.lm",
    "Classifier": "charnn.api.classifier",
    "Tagger": "charnn.api.tagger",
    "Translator": "charnn.api.translator",
    "Forecaster": "charnn.api.forecaster",
    "load": "charnn.api.estimator",
}
"""The module of each public name that is not an error."""


def __getattr__(name: str) -> Any:
    """Load a public name on first use, so that `import charnn` costs nothing."""
    if name in __all__:
        return getattr(importlib.import_module(_PLACES.get(name, "charnn.errors")), name)
    raise AttributeError(f"module 'charnn' has no attribute {name!r}")


def __dir__() -> list[str]:
    return list(__all__)
