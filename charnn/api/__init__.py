"""The public Python interface: one class a task, with the names of the command line's flags and the manners of scikit-learn."""
