"""The hot loops of the CPU, compiled by numba."""
