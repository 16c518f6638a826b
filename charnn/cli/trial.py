"""What training on data would take, found out in a process of its own: its peak of memory is that of training."""

import multiprocessing
import signal
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING

from charnn.errors import CharnnError, DataError

if TYPE_CHECKING:
    from charnn.tasks.check import Cost, Trial


def try_out(trial: "Trial") -> "Cost":
    """What was measured. Raises DataError with what training says of data that it refuses, or where memory does not suffice."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_answer, args=(theirs, trial), daemon=True)
    process.start()
    theirs.close()
    try:
        answer = ours.recv()
    except EOFError:
        process.join()
        # Linux ends what takes the last memory by SIGKILL.
        reason = "took more memory than there is" if process.exitcode == -signal.SIGKILL else f"ended with code {process.exitcode}"
        raise DataError(f"trying out the training {reason}; give less data, or smaller settings to `charnn train`") from None
    finally:
        process.kill()
        process.join()
    if isinstance(answer, str):
        raise DataError(answer)
    found: Cost = answer
    return found


def _answer(pipe: Connection, trial: "Trial") -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # The terminal interrupts both; one says so.
    from charnn.tasks.cost import measure_cost

    try:
        pipe.send(measure_cost(trial))
    except CharnnError as error:
        pipe.send(str(error))
    except MemoryError:
        pipe.send("trying out the training took more memory than there is; give less data, or smaller settings to `charnn train`")
