"""The window of `edge-digits camera`: shows views and responds to keys."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from edge_runtime.cli.recorder import Recorder
from edge_runtime.cli.terminal import print_message
from edge_runtime.errors import EdgeDigitsError
from edge_runtime.images import annotate
from edge_runtime.outputs import snapshot
from edge_runtime.window import dashboard, window

if TYPE_CHECKING:
    from edge_runtime.live.loop import Live
    from edge_runtime.live.view import View


class LiveWindow:
    """A window with the dashboard of a live view; a context manager that closes it.

    The keys are those of `edge_runtime.window.keys`; one of them switches between `models`. Raises
    `MissingDependencyError` when no window can be opened.
    """

    def __init__(self, recorder: Recorder, models: tuple[str, ...]) -> None:
        self._window = window.Window("edge-digits")
        self._recorder, self._models = recorder, models
        self._tiles, self._help = True, False

    def show(self, view: View, live: Live) -> bool:
        """Show a view and handle the key that was pressed; return False when the user quits."""
        key = self._window.show(
            dashboard.compose(view, tiles=self._tiles, help=self._help, recording=self._recorder.running)
        )
        if key in ("q", window.CLOSED):
            return False
        try:
            self._handle(key, view, live)
        except EdgeDigitsError as error:  # the view goes on
            print_message(str(error))
        return True

    def _handle(self, key: str | None, view: View, live: Live) -> None:
        if key == " ":
            live.paused = not live.paused
        elif key == "t":
            self._tiles = not self._tiles
        elif key == "h":
            self._help = not self._help
        elif key == "m":
            following = self._models.index(live.reader.model) + 1
            live.reader.switch(self._models[following % len(self._models)])
        elif key == "s":
            image = annotate.annotate(view.image, view.digits)
            print_message(f"saved {snapshot.save_snapshot(Path(), image)}")
        elif key == "r":
            if self._recorder.running:
                self._recorder.stop()
            else:
                self._recorder.start()

    def __enter__(self) -> LiveWindow:
        self._window.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._window.__exit__(None, None, None)
