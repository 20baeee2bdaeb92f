"""`python -m export runs/<id>`: arguments in, models out, exit code 1 where a gate fails."""

from __future__ import annotations

import argparse
import dataclasses
import json
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

try:
    import onnx

    from edge_runtime.errors import EdgeDigitsError
    from edge_runtime.manifest import FOLDER
    from edge_runtime.model import Classifier
    from edge_runtime.preprocess import CONTRACT
    from export import calibration, graph, parity, quantize
    from export.errors import ExportError
    from export.release import release
    from train import checkpoint, data
    from train.loop import Config
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
        models = export(options.run, options.data)
        if options.release:
            state = checkpoint.load(options.run)
            parameters = sum(p.numel() for p in graph.fold(state.network()).parameters())
            for entry in release(models, data.load_mnist(options.data, train=False), parameters):
                print(f"{entry.file}: {entry.accuracy:.2%} on the test set, {entry.bytes / 1000:.1f} kB")
            print(f"released in {FOLDER}")
    except (ExportError, EdgeDigitsError, data.DataError, checkpoint.CheckpointError, OSError) as error:
        print(f"export: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("export: stopped; nothing was released", file=sys.stderr)
        return 130
    return 0


def export(run: Path, root: Path) -> dict[str, Path]:
    """Write `run/export/{float,int8}.onnx` and `parity.json`; return the models' paths by precision.

    Raises `ExportError` when the run is not finished or a gate fails.
    """
    state = checkpoint.load(run)
    if not state.complete:
        raise ExportError(
            f"{run} stopped at epoch {state.epoch} of {state.config['epochs']}; "
            f"finish it with: python -m train --resume {run}"
        )
    config = Config(**state.config)
    network = state.network()
    training, validation = data.split(
        data.load_mnist(root, train=True), validation=config.validation, seed=config.seed
    )
    chosen = data.balanced_indices(training.labels, quantize.CALIBRATION_PER_CLASS, config.seed)

    # Models that do not pass the gates never lie where passed ones do.
    folder, unproved = run / "export", run / "export.unproved"
    shutil.rmtree(unproved, ignore_errors=True)
    unproved.mkdir()
    floating = graph.to_onnx(network)
    models = {"int8": quantize.quantize(floating, training[chosen].tiles.numpy()), "float": floating}
    paths = {precision: unproved / f"{precision}.onnx" for precision in models}
    for precision, model in models.items():
        about = {
            "contract": CONTRACT,
            "architecture": config.arch,
            "precision": precision,
            "run_id": state.run_id,
            "temperature": 1.0,
            "refuse_below": calibration.REFUSE_BELOW,
        }
        graph.describe(model, about)
        onnx.save(model, paths[precision])
        # Only the finished model's own answers tell how sure it may be of them.
        logits = Classifier(paths[precision]).logits(validation.tiles.numpy())
        temperature = calibration.fit_temperature(logits, validation.labels.numpy())
        graph.describe(model, about | {"temperature": round(temperature, 4)})
        onnx.save(model, paths[precision])

    measured = parity.compare(network, paths["float"], paths["int8"], validation)
    (unproved / "parity.json").write_text(json.dumps(dataclasses.asdict(measured), indent=2) + "\n")
    print(
        f"validation, {measured.pictures} pictures: torch {measured.torch_accuracy:.2%}, "
        f"float {measured.float_accuracy:.2%}, INT8 {measured.int8_accuracy:.2%}; "
        f"float logits within {measured.logit_difference:.1e} of torch's; "
        f"INT8 names the same digit on {measured.label_agreement:.2%}; "
        f"{measured.float_bytes / 1000:.1f} kB -> {measured.int8_bytes / 1000:.1f} kB"
    )
    parity.check(measured)
    shutil.rmtree(folder, ignore_errors=True)
    unproved.rename(folder)
    return {precision: folder / path.name for precision, path in paths.items()}


if __name__ == "__main__":
    sys.exit(main())
