"""Readers of files and tables, which make examples of them."""
