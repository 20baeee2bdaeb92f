"""`edge-digits cameras`: the list of cameras."""

from __future__ import annotations

import json

from edge_runtime.live.sources import devices


def test_cameras_are_listed(run, monkeypatch):
    monkeypatch.setattr(devices, "list_cameras", lambda: [devices.Camera("0", "Front (/dev/video0)")])
    code, output, errors = run("cameras")
    assert (code, errors) == (0, "")
    assert output.split() == ["edge-digits", "camera", "0", "Front", "(/dev/video0)"]
    code, output, errors = run("cameras", "--json")
    assert (code, errors) == (0, "")
    assert json.loads(output) == [{"source": "0", "name": "Front (/dev/video0)"}]


def test_without_cameras_other_sources_are_suggested(run, monkeypatch):
    monkeypatch.setattr(devices, "list_cameras", list)
    code, output, errors = run("cameras")
    assert (code, output) == (0, "")
    assert errors.startswith("edge-digits: no camera found")
    assert "picamera" in errors
    assert len(errors.splitlines()) == 1
    assert run("cameras", "--json") == (0, "[]\n", "")
