"""The forecaster: the next values of a series."""
