"""Compiled code calls a function by its address, and is compiled once for all of them."""

import numpy as np

from charnn.kernels.compile import call, compiled, step_code


@compiled
def double(sums, states, layer):
    for sample in range(len(sums)):
        for i in range(sums.shape[1]):
            states[0, layer, sample, i] = 2 * sums[sample, i]


@compiled
def clear(sums, states, layer):
    states[:, layer] = 0


@compiled
def run(place, sums, states, layer):
    call(place, sums, states, layer)


def test_one_caller_runs_every_function_that_it_is_given():
    sums, states = np.arange(6, dtype=np.float32).reshape(2, 3), np.ones((1, 2, 2, 3), np.float32)
    run(step_code(double).address, sums, states, 1)
    assert (states[0, 1] == 2 * sums).all()
    run(step_code(clear).address, sums, states, 1)
    assert (states[0] == [[[1]], [[0]]]).all()
    assert len(run.signatures) == 1
    assert step_code(double).address == step_code(double).address != step_code(clear).address
