"""Stores: folders and addresses through pyarrow's file systems, listed in order, fetched ahead."""

from __future__ import annotations

import os
import sys
from collections import Counter
from pathlib import Path

import pytest

from edge_runtime.errors import ImageError, SourceError
from edge_runtime.scale.stores import StoredImage, expand, fetch_ahead, open_store

pytest.importorskip("pyarrow", minversion="17")


def listed(address, **options):
    skipped = Counter()
    return list(expand(open_store(address), skipped, **options)), dict(skipped)


def test_folders_and_addresses_are_listed_in_the_same_order(scans):
    for name in ("._a.png", ".hidden/a.png", "__MACOSX/a.png", "more/Thumbs.db"):  # junk
        (scans / name).parent.mkdir(exist_ok=True)
        (scans / name).touch()
    (scans / "b.png.123-456").touch()
    local, skipped = listed(str(scans))
    addresses, others = listed(scans.as_uri())
    assert [path.removeprefix(str(scans)) for path in local] == [
        *("/a.png", "/b.jpg", "/broken.png", "/c.png", "/more/d.png"),
    ]
    assert addresses == [f"file://{path}" for path in local]
    assert skipped == others == {"txt": 1, "others": 1}
    assert listed(f"{scans.as_uri()}/", recursive=False)[0] == addresses[:-1]


def test_folders_are_listed_once_if_links_lead_in_circles(scans):
    once = listed(scans.as_uri())
    (scans / "more" / "up").symlink_to(scans, target_is_directory=True)
    (scans / "more" / "again").symlink_to(scans / "more", target_is_directory=True)
    assert listed(scans.as_uri()) == once


@pytest.mark.skipif(sys.platform != "linux", reason="needs file names that are bytes")
def test_a_file_name_that_is_not_text_is_reported(scans):
    (Path(os.fsdecode(os.fsencode(scans) + b"/\xff.png"))).write_bytes(b"")
    with pytest.raises(SourceError, match=r"scans cannot be listed: a file name in it is not UTF-8"):
        listed(scans.as_uri())
    with pytest.raises(OSError, match="not UTF-8"):
        open_store(scans.as_uri()).names()


@pytest.mark.parametrize("name", ["scans/a.png", "gone", "scans/empty"])
def test_what_is_no_folder_of_images_stands_for_itself(scans, tmp_path, name):
    (scans / "empty").mkdir()
    address = f"{tmp_path.as_uri()}/{name}"
    assert listed(address) == ([address], {})


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("https://example.org/scans", "https://example.org/scans cannot be opened"),
        ("nonsense://bucket", "nonsense://bucket cannot be opened"),
        ("nonsense://key:secret@bucket/a?endpoint_override=b", "^nonsense://bucket/a cannot be opened"),
    ],
)
def test_addresses_without_a_file_system_are_refused(address, message):
    with pytest.raises(SourceError, match=message) as caught:
        open_store(address)
    assert "secret" not in str(caught.value)


def test_logins_and_options_are_in_no_name():
    store = open_store("s3://key:secret@bucket/scans/?region=eu-central-1&endpoint_override=localhost:9")
    assert store.address == "s3://bucket/scans"
    assert store.path == "bucket/scans"
    assert store.contains("s3://bucket/scans/a.png")
    assert not store.contains("s3://bucket/scans-of-others/a.png")


def test_images_are_fetched_in_order(scans):
    addresses, _ = listed(scans.as_uri())
    missed = set()
    images = list(
        fetch_ahead([*addresses, f"{scans.as_uri()}/gone.png"], [open_store(scans.as_uri())], missed)
    )
    assert [image.name for image in images[:-1]] == addresses
    assert [image.read() for image in images[:2]] == [
        (scans / name).read_bytes() for name in ("a.png", "b.jpg")
    ]
    with pytest.raises(ImageError, match=r"^no such file$"):
        images[-1].read()
    assert not missed


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (PermissionError("x"), "the store refuses access"),
        (
            OSError("When reading information for key 'a': AWS Error ACCESS_DENIED"),
            "the store refuses access",
        ),
        (OSError("the network\nis down"), "the network is down"),
    ],
)
def test_what_a_store_does_not_give_is_missed(scans, error, message):
    class Broken:
        def open_input_stream(self, path):
            raise error

    address = scans.as_uri()
    missed = set()
    (image,) = fetch_ahead([f"{address}/a.png"], [open_store(address)._replace(system=Broken())], missed)
    with pytest.raises(ImageError, match=rf"^{message}$"):
        image.read()
    assert missed == {f"{address}/a.png"}


def test_too_large_files_are_not_read_to_their_end(scans, monkeypatch):
    monkeypatch.setattr("edge_runtime.scale.stores.MAX_BYTES", 10)
    monkeypatch.setattr("edge_runtime.images.files.MAX_BYTES", 10)
    (image,) = fetch_ahead([f"{scans.as_uri()}/a.png"], [open_store(scans.as_uri())], set())
    with pytest.raises(ImageError, match="over the limit"):
        image.read()


def test_an_empty_file_is_named_for_what_it_is():
    with pytest.raises(ImageError, match=r"^the file is empty$"):
        StoredImage("a.png", bytes).read()
