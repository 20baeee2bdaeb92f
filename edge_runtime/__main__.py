"""`python -m edge_runtime` runs the command `edge-digits`."""

from edge_runtime.cli.process import run

if __name__ == "__main__":
    run()
