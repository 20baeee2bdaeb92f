"""`edge-digits serve`: the server as a whole process."""

from __future__ import annotations

import contextlib
import json
import signal
import socket
import subprocess
import sys
from urllib.request import Request, urlopen

import pytest

from edge_runtime.cli.serve import start_server
from edge_runtime.reading.switch import SwitchableReader
from tests.processes import COMMAND, started

pytest.importorskip("fastapi", reason="serving needs the extra web")


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["SIGINT", "SIGTERM"])
def test_the_server_answers_until_a_signal_ends_it(image_file, number):
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with started(*COMMAND, "serve", "127.0.0.1:0", **pipes) as process:
        line = process.stderr.readline()
        assert line.startswith("edge-digits: serving at http://127.0.0.1:")
        url = line.split()[-1]
        with urlopen(Request(f"{url}read", image_file("a.png", "42").read_bytes())) as response:
            assert json.load(response)["lines"] == ["42"]
        process.send_signal(number)
        assert process.communicate() == ("", "")
    assert process.returncode == 0


@pytest.mark.parametrize("token", ["secret-of-the-operator", ""], ids=["the operator's", "random"])
def test_only_a_random_token_is_printed(capsys, monkeypatch, token):
    monkeypatch.setenv("EDGE_DIGITS_TOKEN", token)
    with contextlib.ExitStack() as stack:
        server = start_server(stack, SwitchableReader(), "0.0.0.0:0", live=False)
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("edge-digits: serving at http://")
    if token:
        assert token not in line and line.endswith("/; requests need the token in EDGE_DIGITS_TOKEN")
    else:
        assert line.endswith(f"/?token={server.token}")


def test_an_address_in_use_is_reported_in_one_line(run):
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        code, output, errors = run("serve", address)
    assert (code, output) == (2, "")
    assert errors.startswith("edge-digits: ")
    assert address in errors
    assert len(errors.splitlines()) == 1
