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

    from edge_runtime.errors import ModelError
    from train import checkpoint, data, loop, report
    from train.classifier import ClassifierTask
    from train.detector import DetectorTask
    from train.loop import SETTINGS, Config
    from train.networks import ARCHITECTURES
except KeyboardInterrupt:
    sys.exit(130)
except ModuleNotFoundError as missing:
    sys.exit(f"train: {missing.name} is missing; in the checkout: pip install -e '.[train]'")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    parser = _parser()
    options = parser.parse_args(arguments)
    try:
        run, config = _choose_run(options, parser)
        if config.initial:
            _check_initial(config)
        device = _open_device(options.device)
        digits = data.split(data.load_mnist(options.data, train=True), config.validation, config.seed)
        task = (DetectorTask if config.arch == "detector" else ClassifierTask)(config, digits, device)
    except (data.DataError, checkpoint.CheckpointError, RunError, ModelError) as error:
        print(f"train: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("train: stopped before the first epoch", file=sys.stderr)
        return 130
    print(
        f"{run}: {config.arch}, {config.epochs} epochs on {device}, {len(digits[0])} training and "
        f"{len(digits[1])} validation images, {config.scenes} scenes",
        flush=True,
    )
    try:
        state = loop.train(config, task, run, device, resume=options.resume is not None)
        last = state.metrics[-1]
        print(f"validation accuracy {last['validation_accuracy']:.2%}, loss {last['validation_loss']:.4f}")
        if isinstance(task, DetectorTask):
            report.write_detector_report(state, digits, run)
            found = f"precision {last['validation_precision']:.2%}, recall {last['validation_recall']:.2%}"
            print(f"{found}; see {run}")
        else:
            figures = report.write_report(state, data.load_mnist(options.data, train=False), digits, run)
            mistakes = f"{figures['test_mistakes']} mistakes"
            print(f"test accuracy {figures['test_accuracy']:.2%}, {mistakes}; see {run}")
    except KeyboardInterrupt:
        print(f"train: stopped; go on with: python -m train --resume {run}", file=sys.stderr)
        return 130
    except (OSError, data.DataError) as error:
        begun = (run / checkpoint.FILE_NAME).is_file()
        advice = f"; go on with: python -m train --resume {run}" if begun else ""
        print(f"train: {error}{advice}", file=sys.stderr)
        return 1
    return 0


def _check_initial(config: Config) -> None:
    state = checkpoint.load(Path(config.initial))
    if state.config["arch"] != config.arch:
        raise RunError(f"{config.initial} is a {state.config['arch']}: it cannot begin a {config.arch}")
    if (state.config["seed"], state.config["validation"]) != (config.seed, config.validation):
        raise RunError(f"{config.initial} has held out other images: use its --seed and --validation")


class RunError(Exception):
    """What was asked for cannot be trained; the message says why."""


def _open_device(name: str | None) -> torch.device:
    try:
        device = loop.pick_device(name)
        torch.zeros(1, device=device)
        return device
    # torch has no error of its own for a device that it lacks.
    except (RuntimeError, AssertionError) as error:
        raise RunError(f"cannot train on device {name!r}: {str(error).splitlines()[0]}") from error


def _parser() -> argparse.ArgumentParser:
    default = Config()
    parser = argparse.ArgumentParser(
        prog="python -m train", description="Train a network on MNIST and simulated photographs."
    )
    settings = parser.add_argument_group("settings of a new run")
    settings.add_argument("--arch", choices=sorted(ARCHITECTURES), help=f"default: {default.arch}")
    settings.add_argument("--epochs", type=_count, help=f"default: {default.epochs}")
    settings.add_argument("--batch-size", type=_count, help=f"default: {default.batch_size}")
    settings.add_argument("--learning-rate", type=_rate, help=f"default: {default.learning_rate}")
    settings.add_argument(
        "--no-augment", dest="augment", action="store_false", default=None, help="take images as they are"
    )
    settings.add_argument(
        "--scenes",
        type=_scenes,
        metavar="N",
        help=f"simulated photographs to draw (default: {default.scenes}); 0 for MNIST alone",
    )
    settings.add_argument(
        "--repeats",
        type=_count,
        metavar="N",
        help=f"times that an epoch goes through MNIST beside the scenes (default: {default.repeats})",
    )
    settings.add_argument(
        "--from", dest="initial", metavar="RUN", help="begin with the weights of this finished run"
    )
    settings.add_argument("--seed", type=_seed, help=f"default: {default.seed}")
    settings.add_argument(
        "--validation",
        type=_tens,
        metavar="N",
        help=f"images of the training set to hold out (default: {default.validation})",
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


def _count(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return value


def _scenes(text: str) -> int:
    value = int(text)
    if value < 0:
        raise argparse.ArgumentTypeError("at least 0")
    return value


def _seed(text: str) -> int:
    value = int(text)
    if not 0 <= value < 2**31:
        raise argparse.ArgumentTypeError("at least 0 and less than 2**31")
    return value


def _tens(text: str) -> int:
    value = int(text)
    if value < 10 or value % 10:
        raise argparse.ArgumentTypeError("a multiple of 10: as many of each digit")
    return value


def _rate(text: str) -> float:
    value = float(text)
    if not 0 < value < 1:
        raise argparse.ArgumentTypeError("more than 0 and less than 1")
    return value


def _choose_run(options: argparse.Namespace, parser: argparse.ArgumentParser) -> tuple[Path, Config]:
    """The run's folder and its configuration: new ones, or those of the run to resume."""
    given = {
        field.name: getattr(options, field.name)
        for field in dataclasses.fields(Config)
        if getattr(options, field.name, None) is not None
    }
    if options.resume is None:
        config = Config(**(SETTINGS.get(given.get("arch", ""), {}) | given))
        if config.arch == "detector" and config.scenes == 0:
            parser.error("a detector learns from scenes: --scenes takes at least 1 for it")
        name = f"{datetime.now():%Y%m%d-%H%M%S}-{config.arch}-s{config.seed}"
        return options.runs / name, config
    if given:
        parser.error(f"--resume keeps the run's settings: leave out {', '.join(sorted(given))}")
    state = checkpoint.load(options.resume)
    if state.complete and (options.resume / report.REPORT).exists():
        raise RunError(f"{options.resume} is finished; its images and figures are in it")
    return options.resume, Config(**state.config)


if __name__ == "__main__":
    sys.exit(main())
