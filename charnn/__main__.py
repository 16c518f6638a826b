"""`python -m charnn` is `charnn`."""

from charnn.cli.main import run

if __name__ == "__main__":
    run()
