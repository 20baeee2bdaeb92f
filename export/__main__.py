"""`python -m export runs/<id>`: arguments in, models out, exit code 1 where a gate fails."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

try:
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
    """Run the command; return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m export", description="Export a trained run to ONNX.")
    parser.add_argument("run", type=Path, help="the folder of a finished run: runs/<id>")
    parser.add_argument("--data", type=Path, default=data.DEFAULT_ROOT, help="where MNIST is (default: data)")
    parser.add_argument(
        "--release", action="store_true", help="measure on the test set and place the models in edge_runtime"
    )
    options = parser.parse_args(arguments)
    try:
        models, proof = export(options.run, options.data)
        print(
            f"validation, {proof.images} images: torch {proof.torch_accuracy:.2%}, "
            f"float {proof.float_accuracy:.2%}, INT8 {proof.int8_accuracy:.2%}; "
            f"float scores within {proof.score_difference:.1e} of torch's; "
            f"INT8 decides {proof.agreement:.2%} alike; "
            f"{proof.float_bytes / 1000:.1f} kB -> {proof.int8_bytes / 1000:.1f} kB"
        )
        if options.release:
            for entry in release_run(options.run, models, options.data):
                print(f"{entry.file}: {entry.accuracy:.2%} on {entry.measured}, {entry.bytes / 1000:.1f} kB")
            print(f"released in {manifest.FOLDER}")
    except (ExportError, EdgeDigitsError, data.DataError, checkpoint.CheckpointError, OSError) as error:
        print(f"export: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("export: stopped; nothing was released", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
