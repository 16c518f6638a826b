"""charnn: recurrent networks for text. `charnn.load("checkpoints/poems").sample("Once")`."""

import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from charnn.tasks.load import load

# Threads of torch that have nothing to do wait in a busy loop, on the core that our own threads are about to use. With 5,000 turns
# instead of 300,000 an update of the default model takes 25 ms, not 33; torch's LSTM is as fast as before. Read when torch is loaded.
os.environ.setdefault("GOMP_SPINCOUNT", "5000")

__version__ = "0.1.0"
__all__ = ["__version__", "load"]


def __getattr__(name: str) -> Any:
    """Resolves `load` on first use, so that `import charnn` costs nothing."""
    if name == "load":
        from charnn.tasks.load import load

        return load
    raise AttributeError(f"module 'charnn' has no attribute {name!r}")
