"""The containers of video files: which files end too early."""

from __future__ import annotations

import struct

import pytest

from edge_runtime.live.sources.container import is_cut_off


def box(kind, length, *, wide=False):
    size = struct.pack(">I4sQ", 1, kind, length + 16) if wide else struct.pack(">I4s", length + 8, kind)
    return size + b"x" * length


MP4 = box(b"ftyp", 8) + box(b"moov", 50) + box(b"mdat", 2000, wide=True) + box(b"free", 8)
OPEN_MP4 = box(b"ftyp", 8) + struct.pack(">I4s", 0, b"mdat") + b"x" * 100
AVI = b"RIFF" + struct.pack("<I4s", 4 + 2000, b"AVI ") + b"x" * 2000
LARGE_AVI = AVI + b"RIFF" + struct.pack("<I4s", 4 + 500, b"AVIX") + b"x" * 500
EBML = b"\x1a\x45\xdf\xa3\x83abc\x18\x53\x80\x67"
MATROSKA = EBML + b"\x48\x00" + b"x" * 2048
LIVE = EBML + b"\x01" + b"\xff" * 7 + b"x" * 2048


@pytest.mark.parametrize(
    ("data", "claims_length"),
    [
        pytest.param(MP4, True, id="MP4"),
        pytest.param(OPEN_MP4, False, id="MP4 without a length"),
        pytest.param(AVI, True, id="AVI"),
        pytest.param(LARGE_AVI, True, id="large AVI"),
        pytest.param(MATROSKA, True, id="Matroska"),
        pytest.param(LIVE, False, id="live Matroska"),
        pytest.param(b"other" * 500, False, id="other"),
    ],
)
def test_a_file_is_cut_off_where_its_container_claims_more_or_zeros_follow(data, claims_length, tmp_path):
    path = tmp_path / "video"

    def check(content):
        path.write_bytes(content)
        return is_cut_off(str(path))

    assert not check(data)
    assert check(data[:-1]) == claims_length
    assert check(data[:60]) == claims_length
    assert check(data + bytes(2000))


@pytest.mark.parametrize("size", range(0, 40, 3))
def test_damaged_headers_are_no_errors(size, tmp_path):
    for data in (MP4, AVI, MATROSKA):
        (tmp_path / "video").write_bytes(data[:size])
        assert is_cut_off(str(tmp_path / "video")) in (True, False)
    assert not is_cut_off(str(tmp_path / "gone"))
