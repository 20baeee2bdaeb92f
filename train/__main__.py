"""The command `python -m train`: arguments in, the folder of a run out."""

from __future__ import annotations

import argparse
import dataclasses
import math
import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

try:
    import numpy as np
    import torch

    from edge_runtime.cli.arguments import whole_number
    from edge_runtime.cli.terminal import one_line
    from edge_runtime.errors import EdgeDigitsError
    from train import checkpoint, data, loop, origin, report, sources
    from train.classifier import ClassifierTask
    from train.detector import DetectorTask
    from train.loop import Config
    from train.recipes import RECIPES
except KeyboardInterrupt:
    sys.exit(130)
except ModuleNotFoundError as missing:
    sys.exit(f"train: {missing.name} is missing; in the checkout: pip install -e '.[train]'")


_RECIPE = "classifier"  # the default
_CLASSIFIERS = ("classifier", "baseline")


class RunError(Exception):
    """A run cannot be started with these settings; the message is one line."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    parser = _parser()
    options = parser.parse_args(arguments)
    try:
        run, config = _choose_run(options, parser)
        if config.initial:
            _check_initial(config)
        device = _open_device(options.device)
        splits = sources.load_sources(options.data, config)
        task = (DetectorTask if config.arch == "detector" else ClassifierTask)(config, splits, device)
    except (data.DataError, checkpoint.CheckpointError, RunError, EdgeDigitsError) as error:
        print(f"train: {one_line(str(error))}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("train: stopped before the first epoch", file=sys.stderr)
        return 130
    training, validation = splits
    print(
        f"{run}: {config.recipe}, {config.epochs} epochs on {device}, {len(training.digits)} training and "
        f"{len(validation.digits)} validation images, {config.scenes} scenes{_writers(training)}",
        flush=True,
    )
    try:
        state = loop.train(
            config, task, run, device, origin=origin.describe(training), resume=options.resume is not None
        )
        last = state.metrics[-1]
        print(f"validation accuracy {last['validation_accuracy']:.2%}, loss {last['validation_loss']:.4f}")
        if isinstance(task, DetectorTask):
            report.write_detector_report(state, training, run)
            result = f"precision {last['validation_precision']:.2%}, recall {last['validation_recall']:.2%}"
        else:
            test = data.load_mnist(options.data, train=False)
            metrics = report.write_classifier_report(state, test, training, run)
            result = f"test accuracy {metrics['test_accuracy']:.2%}, {metrics['test_mistakes']} mistakes"
        print(f"{result}; see {run}")
    except KeyboardInterrupt:
        print(f"train: stopped; continue with: python -m train --resume {run}", file=sys.stderr)
        return 130
    except (OSError, data.DataError) as error:
        started = (run / checkpoint.FILE_NAME).is_file()
        advice = f"; continue with: python -m train --resume {run}" if started else ""
        print(f"train: {one_line(str(error))}{advice}", file=sys.stderr)
        return 1
    return 0


def _writers(source: sources.Source) -> str:
    if source.pens is None:
        return "; no pen strokes found, so MNIST and drawn glyphs alone (see docs/data.md)"
    return f", {len(np.unique(source.pens.writers))} writers"


def _check_initial(config: Config) -> None:
    """Raise `RunError` when `config.initial` has another network or has seen this run's validation data."""
    initial = checkpoint.load(Path(config.initial)).config
    if initial["arch"] != config.arch:
        raise RunError(
            f"{config.initial} is a run of {initial['arch']}, which cannot start one of {config.arch}; "
            "use the recipe of that run"
        )
    # One's own digits change which images are held out.
    settings = ("validation", "digits")
    if any(initial[name] != getattr(config, name) for name in settings):
        used = " ".join(f"--{name} {initial[name]}" for name in settings if initial[name] != "")
        advice = f"use {used}" + " and no --digits" * (initial["digits"] == "")
        raise RunError(f"{config.initial} held out other images for validation; {advice}")


def _open_device(name: str | None) -> torch.device:
    try:
        device = loop.pick_device(name)
        torch.zeros(1, device=device)
        return device
    # torch raises no error type of its own for a device that is missing.
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise RunError(f"cannot train on device {name!r}: {reason}; use --device cpu") from error


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m train", description="Train a network on MNIST and simulated scenes."
    )
    _add_settings(parser)
    parser.add_argument(
        "--data",
        type=Path,
        default=data.DEFAULT_ROOT,
        metavar="DIR",
        help=f"folder with MNIST/raw, downloaded if it is missing (default: {data.DEFAULT_ROOT})",
    )
    parser.add_argument("--runs", type=Path, metavar="DIR", help="folder for new runs (default: runs)")
    parser.add_argument("--device", help="cpu, cuda or mps (default: the best available)")
    parser.add_argument(
        "--resume", type=Path, metavar="RUN", help="continue the run in this folder, with its own settings"
    )
    return parser


def _add_settings(parser: argparse.ArgumentParser) -> None:
    settings = parser.add_argument_group("settings of a new run")
    settings.add_argument(
        "--recipe",
        choices=list(RECIPES),
        default=None,
        help=f"settings to start from; the options below change single ones (default: {_RECIPE})",
    )
    settings.add_argument("--epochs", type=whole_number(1), metavar="N", help=_default("epochs"))
    settings.add_argument("--batch-size", type=whole_number(1), metavar="N", help=_default("batch_size"))
    settings.add_argument("--learning-rate", type=_rate, metavar="RATE", help=_default("learning_rate"))
    settings.add_argument(
        "--no-augment", dest="augment", action="store_false", default=None, help="train on unchanged images"
    )
    settings.add_argument(
        "--scenes",
        type=whole_number(0, 10**9),
        metavar="N",
        help=f"simulated scenes to draw; 0 trains on MNIST alone ({_default('scenes')})",
    )
    settings.add_argument(
        "--repeats",
        type=whole_number(1),
        metavar="N",
        help=f"passes over MNIST in each epoch of a classifier ({_default('repeats', _CLASSIFIERS)})",
    )
    settings.add_argument(
        "--from", dest="initial", metavar="RUN", help="start from the weights of the run in this folder"
    )
    settings.add_argument(
        "--keep",
        type=_rate,
        metavar="SHARE",
        help="with --from: share of its weights in the final ones, such as 0.5 (default: 0)",
    )
    settings.add_argument(
        "--digits",
        metavar="DIR",
        help="also train on your own digits: a folder for each label, 0 to 9, with an image of each digit",
    )
    settings.add_argument(
        "--seed",
        type=whole_number(0, 2**31 - 1),
        metavar="N",
        help=f"another seed draws other scenes; the images held out stay the same ({_default('seed')})",
    )
    settings.add_argument(
        "--validation",
        type=_tens,
        metavar="N",
        help=f"MNIST training images to hold out for validation ({_default('validation')})",
    )


def _default(field: str, recipes: Sequence[str] = tuple(RECIPES)) -> str:
    """The default of a field of `Config`, for help texts."""
    values = {name: getattr(RECIPES[name], field) for name in recipes}
    if len(set(values.values())) == 1:
        return f"default: {values[_RECIPE]}"
    return "default: " + ", ".join(f"{value} for {name}" for name, value in values.items())


def _tens(text: str) -> int:
    value = whole_number(10)(text)
    if value % 10:
        raise argparse.ArgumentTypeError(f"{text!r} is not a multiple of 10")
    return value


def _rate(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value < 1:
        raise argparse.ArgumentTypeError(f"must be more than 0 and less than 1, not {text!r}")
    return value


def _choose_run(options: argparse.Namespace, parser: argparse.ArgumentParser) -> tuple[Path, Config]:
    """The folder and configuration of a new run, or of the run to resume."""
    given = {
        field.name: getattr(options, field.name)
        for field in dataclasses.fields(Config)
        if getattr(options, field.name, None) is not None
    }
    if options.resume is None:
        config = dataclasses.replace(RECIPES[given.get("recipe", _RECIPE)], **given)
        if config.arch == "detector" and config.scenes == 0:
            parser.error("the detector learns from scenes alone: --scenes must be at least 1")
        if config.arch == "detector" and "repeats" in given:
            parser.error("the detector learns from scenes alone: leave out --repeats")
        if config.keep and not config.initial:
            parser.error("--keep needs the run that training starts from: add --from RUN")
        name = f"{datetime.now():%Y%m%d-%H%M%S}-{config.recipe}-s{config.seed}"
        return (options.runs or Path("runs")) / name, config
    if options.runs:
        given["runs"] = options.runs
    if given:
        spelt = {"initial": "--from", "augment": "--no-augment"}
        names = sorted(spelt.get(name, f"--{name.replace('_', '-')}") for name in given)
        parser.error(f"--resume keeps the run's settings: leave out {', '.join(names)}")
    state = checkpoint.load(options.resume)
    if state.complete and (options.resume / report.FILE_NAME).exists():
        raise RunError(f"{options.resume} is finished; see its {report.FILE_NAME}")
    return options.resume, Config(**state.config)


if __name__ == "__main__":
    sys.exit(main())
