"""`edge-digits cameras`: lists the cameras of this machine."""

from __future__ import annotations

import argparse
import json

from edge_runtime.cli.terminal import print_message


def cameras(options: argparse.Namespace) -> int:
    """List the cameras of this machine."""
    from edge_runtime.live.sources import devices

    found = devices.list_cameras()
    if options.json:
        print(json.dumps([{"source": each.source, "name": each.name} for each in found]))
    elif found:
        for each in found:
            print(f"edge-digits camera {each.source:<10} {each.name}")
    else:
        print_message(
            "no camera found; check that it is connected. Streams and videos are not listed: give their URL "
            f"or path. The ribbon-cable camera of a Raspberry Pi, {devices.PICAMERA}, needs Picamera2"
        )
    return 0
