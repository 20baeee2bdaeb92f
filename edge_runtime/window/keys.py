"""The keys of the live window."""

from __future__ import annotations

# The help card of the window is made from this.
KEYS = {
    " ": "pause or resume",
    "s": "save a snapshot",
    "r": "start or stop recording",
    "m": "switch between INT8 and float",
    "t": "show or hide classifier input",
    "h": "show or hide this help",
    "q": "quit",
}

_ESCAPE = 27


def key_name(code: int) -> str | None:
    """The key of `KEYS` for a code of OpenCV's `waitKeyEx`; None for any other key, or for no key.

    Escape counts as "q", and capitals as small letters.
    """
    if code < 0:
        return None
    # Higher bits are modifiers in GTK. The eight bits of `waitKey` would not be enough: arrow keys are 0xFF51
    # and up, which would make the left arrow a "Q".
    code &= 0xFFFF
    if code == _ESCAPE:
        return "q"
    key = chr(code).lower()
    return key if key in KEYS else None
