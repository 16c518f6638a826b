"""charnn: recurrent networks for text. `charnn.load("checkpoints/poems").sample("Once")`."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from charnn.model import load

__version__ = "0.1.0"
__all__ = ["__version__", "load"]


def __getattr__(name: str) -> Any:
    """Resolves `load` on first use, so that `import charnn` costs nothing."""
    if name == "load":
        from charnn.model import load

        return load
    raise AttributeError(f"module 'charnn' has no attribute {name!r}")
