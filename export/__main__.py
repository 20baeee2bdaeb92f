"""The command `python -m export runs/ID`. Exits 1 when the models do not agree."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

try:
    from edge_runtime.cli.terminal import one_line
    from edge_runtime.errors import EdgeDigitsError
    from edge_runtime.models import manifest
    from export.errors import ExportError
    from export.pipeline import export, release_run
    from train import checkpoint, data
except KeyboardInterrupt:
    sys.exit(130)
except ModuleNotFoundError as missing:
    sys.exit(f"export: {missing.name} is missing; in the checkout: pip install -e '.[train]'")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m export", description="Export a trained run to ONNX.")
    parser.add_argument("run", type=Path, help="folder of a finished run, such as runs/ID")
    parser.add_argument(
        "--data",
        type=Path,
        default=data.DEFAULT_ROOT,
        metavar="DIR",
        help="folder with MNIST/raw, downloaded if it is missing (default: data)",
    )
    parser.add_argument(
        "--release",
        action="store_true",
        help="also copy the models to edge_runtime/models; measures a classifier on the test set first",
    )
    options = parser.parse_args(arguments)
    try:
        models, proof = export(options.run, options.data)
        print(
            f"{proof.images} validation images: torch {proof.torch_accuracy:.2%}, "
            f"float {proof.float_accuracy:.2%}, INT8 {proof.int8_accuracy:.2%}; "
            f"float scores differ from torch by at most {proof.score_difference:.1e}; "
            f"INT8 and float agree on {proof.agreement:.2%}; "
            f"{proof.float_bytes / 1000:.1f} kB -> {proof.int8_bytes / 1000:.1f} kB"
        )
        if options.release:
            for entry in release_run(options.run, models, options.data):
                print(f"{entry.file}: {entry.accuracy:.2%} on {entry.measured}, {entry.bytes / 1000:.1f} kB")
            print(f"released to {manifest.FOLDER}")
    except (ExportError, EdgeDigitsError, data.DataError, checkpoint.CheckpointError, OSError) as error:
        print(f"export: {one_line(str(error))}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("export: interrupted; nothing was released", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
