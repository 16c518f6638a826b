"""One file is one task is one subcommand of `train`."""
