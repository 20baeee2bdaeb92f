"""`python -m train`: arguments in, a run's folder out."""

from __future__ import annotations

import argparse
import dataclasses
import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

try:
    import torch

    from train import checkpoint, data, loop
    from train.loop import Config
    from train.networks import ARCHITECTURES
    from train.report import write_report
except ModuleNotFoundError as missing:
    sys.exit(f"train: {missing.name} is missing; in the checkout: pip install -e '.[train]'")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    options = _parser().parse_args(arguments)
    run = options.resume
    try:
        run, config = _choose_run(options)
        device = loop.pick_device(options.device)
        torch.zeros(1, device=device)
        digits = data.split(data.load_mnist(options.data, train=True), config.validation, config.seed)
        print(
            f"{run}: {config.arch}, {config.epochs} epochs on {device}, {len(digits[0])} training and "
            f"{len(digits[1])} validation pictures",
            flush=True,
        )
        state = loop.train(config, digits, run, device, resume=options.resume is not None)
        last = state.metrics[-1]
        print(f"validation accuracy {last['validation_accuracy']:.2%}, loss {last['validation_loss']:.4f}")
        figures = write_report(state, data.load_mnist(options.data, train=False), run)
        print(f"test accuracy {figures['test_accuracy']:.2%}, {figures['test_mistakes']} mistakes; see {run}")
    except (data.DataError, checkpoint.CheckpointError) as error:
        print(f"train: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"train: {error}; a run that had begun goes on with --resume", file=sys.stderr)
        return 1
    # torch raises plain RuntimeError (or AssertionError) for a device that it lacks.
    except (RuntimeError, AssertionError) as error:
        if options.device is None:
            raise
        reason = str(error).splitlines()[0]
        print(f"train: cannot train on device {options.device!r}: {reason}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"train: stopped; go on with: python -m train --resume {run}", file=sys.stderr)
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    default = Config()
    parser = argparse.ArgumentParser(prog="python -m train", description="Train a network on MNIST.")
    parser.add_argument("--arch", choices=sorted(ARCHITECTURES), default=default.arch)
    parser.add_argument("--epochs", type=_positive, default=default.epochs)
    parser.add_argument("--batch-size", type=_positive, default=default.batch_size)
    parser.add_argument("--learning-rate", type=float, default=default.learning_rate)
    parser.add_argument("--no-augment", action="store_true", help="train on the pictures as they are")
    parser.add_argument("--seed", type=int, default=default.seed)
    parser.add_argument(
        "--validation",
        type=_positive,
        default=default.validation,
        metavar="N",
        help=f"pictures of the training set to hold out (default: {default.validation})",
    )
    parser.add_argument(
        "--data",
        type=Path,
        default=data.DEFAULT_ROOT,
        metavar="DIR",
        help="folder that holds MNIST/raw, or to download it to (default: data)",
    )
    parser.add_argument(
        "--runs", type=Path, default=Path("runs"), metavar="DIR", help="where runs go (default: runs)"
    )
    parser.add_argument("--device", help="cpu, cuda or mps (default: the best there is)")
    parser.add_argument(
        "--resume", type=Path, metavar="RUN", help="go on with this run, with the settings that it began with"
    )
    return parser


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return value


def _choose_run(options: argparse.Namespace) -> tuple[Path, Config]:
    """The run's folder and its configuration: new ones, or those of the run to resume."""
    if options.resume is not None:
        return options.resume, Config(**checkpoint.load(options.resume).config)
    config = dataclasses.replace(
        Config(),
        arch=options.arch,
        epochs=options.epochs,
        batch_size=options.batch_size,
        learning_rate=options.learning_rate,
        augment=not options.no_augment,
        validation=options.validation,
        seed=options.seed,
    )
    name = f"{datetime.now():%Y%m%d-%H%M%S}-{config.arch}-s{config.seed}"
    return options.runs / name, config


if __name__ == "__main__":
    sys.exit(main())
