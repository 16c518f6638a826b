"""One folder for each task, which is one subcommand of `train`."""
