"""Progress of a training in a notebook: one line, renewed in place."""

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from charnn.training.model import Plan, Report

EVERY = 1.0  # Seconds between two renewals


def notebook_line() -> "Callable[[Plan, Report], None] | None":
    """Return what shows a plan and a report in a notebook; None elsewhere."""
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    if shell is None or not hasattr(shell, "kernel"):
        return None
    from IPython.display import display

    show_it: Any = display
    handle, last, best = show_it({"text/plain": "starting"}, raw=True, display_id=True), -EVERY, ""

    def show(plan: "Plan", report: "Report") -> None:
        nonlocal last, best
        if report.valid_loss is not None:
            best = f", validation {report.valid_loss:.3f} {plan.loss_unit}"
        elif report.seconds - last < EVERY:
            return
        last = report.seconds
        done = report.step / report.steps
        bar = f"{'█' * int(20 * done):░<20}"
        text = f"{bar} {report.step:,} of {report.steps:,} updates, loss {report.train_loss:.3f}{best}"
        handle.update({"text/plain": text}, raw=True)

    return show
