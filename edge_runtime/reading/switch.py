"""Switching between models while reading."""

from __future__ import annotations

from pathlib import Path

from edge_runtime.models import manifest
from edge_runtime.reading.reader import DigitReader


class SwitchableReader:
    """Readers of several models, one of which is active. May be used from several threads.

    `model` and `threads` are those of `DigitReader`. Raises `ModelError` as it does.
    """

    def __init__(self, model: str | Path = manifest.DEFAULT, *, threads: int = 1) -> None:
        self._threads = threads
        self._readers: dict[str, DigitReader] = {}
        self.switch(str(model))

    @property
    def model(self) -> str:
        """Name of the active model."""
        return self._model

    @property
    def reader(self) -> DigitReader:
        """Reader of the active model."""
        return self._readers[self._model]

    def switch(self, model: str) -> None:
        """Make another model the active one; it is loaded the first time. Raises `ModelError`."""
        if model not in self._readers:
            self._readers[model] = DigitReader(model, threads=self._threads)
        self._model = model
