"""Tokenizers, which turn text into ids and ids into text."""
