"""The origin of a run: which commit and which data it was made from."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

from train.sources import Source

ROOT = Path(__file__).resolve().parent.parent


def describe(source: Source) -> dict[str, str]:
    """The commit of the checkout, and the hashes of the training digits and pen strokes.

    A commit is marked "+changes" if tracked files differ from it; it is "unknown" outside of a checkout.
    """
    digits = hashlib.sha256(source.digits.tiles.numpy().tobytes() + source.digits.labels.numpy().tobytes())
    origin = {"commit": _commit(), "digits_sha256": digits.hexdigest()}
    if source.pens is not None:
        pens = hashlib.sha256(source.pens.points.tobytes() + "".join(source.pens.labels.tolist()).encode())
        origin["pens_sha256"] = pens.hexdigest()
    return origin


def _commit() -> str:
    try:
        commit, changes = (
            subprocess.run(
                ["git", "-C", str(ROOT), *arguments], capture_output=True, text=True, check=True
            ).stdout.strip()
            for arguments in (["rev-parse", "HEAD"], ["status", "--porcelain", "--untracked-files=no"])
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return commit + "+changes" * bool(changes)
