"""Checks of data before training: contents, encoding, problems."""
