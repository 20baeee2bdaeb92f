"""Jobs: which folders they begin and continue, and what they refuse."""

from __future__ import annotations

import pytest

from edge_runtime.errors import OutputError
from edge_runtime.scale import job as jobs
from edge_runtime.scale import listing

pytest.importorskip("pyarrow", minversion="17")


def test_a_job_knows_its_images(prepare, scans):
    prepared = prepare("out", ["scans"], size=2)
    assert (prepared.job.images, prepared.job.partitions) == (5, 3)
    found = listing.Listing.load(prepared.folder)
    assert found.partition(1) == ["scans/broken.png", "scans/c.png"]
    assert prepared.skipped == {"txt": 1}


def test_names_that_are_no_unicode_survive(prepare, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    prepared = prepare("out", ["caf\udce9.png"])
    assert listing.Listing.load(prepared.folder).partition(0) == ["caf\udce9.png"]


def test_results_are_neither_replaced_nor_continued_unasked(prepare, scans):
    prepare("out", ["scans"])
    with pytest.raises(OutputError, match=r"^out contains results; continue them with --resume or replace"):
        prepare("out", ["scans"])


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("name", ["letter.txt", "part-00000-1234.snappy.parquet", "part-00000.parquet"])
def test_folders_of_others_are_left_alone(prepare, scans, tmp_path, name, overwrite):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / name).write_text("of another program")
    with pytest.raises(OutputError, match=r"^out contains other files; choose another folder$"):
        prepare("out", ["scans"], overwrite=overwrite, resume=not overwrite)
    assert (tmp_path / "out" / name).read_text() == "of another program"


def test_overwriting_deletes_the_results_and_nothing_else(prepare, scans, tmp_path, rows_in):
    prepare("out", ["scans"], size=1).read_all()
    (tmp_path / "out" / "letter.txt").write_text("of the user")
    prepare("out", ["scans/a.png"], overwrite=True).read_all()
    assert {row["source"] for row in rows_in(tmp_path / "out")} == {"scans/a.png"}
    assert len(list((tmp_path / "out").glob("part-*"))) == 1
    assert (tmp_path / "out" / "letter.txt").exists()


def test_a_folder_that_does_not_exist_yet_can_be_continued(prepare, scans):
    """So that a job that is started again and again has one command line."""
    assert prepare("new/out", ["scans"], resume=True).read_all()
    assert prepare("new/out", ["scans"], resume=True).job.partitions == 3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"unit": "number"}, "out was begun with --rows digit, but this run is with --rows number; "),
        ({"frames": True}, "out was begun without --frames, but this run is with --frames; "),
        ({"sources": ["scans/more"]}, "out was begun of scans, but this run is of scans/more; "),
    ],
)
def test_another_job_does_not_continue_it(prepare, scans, options, message):
    prepare("out", ["scans"])
    with pytest.raises(
        OutputError, match=rf"^{message}continue it with the original settings, write to another"
    ):
        prepare("out", **{"sources": ["scans"], "resume": True, **options})


def test_another_version_does_not_continue_it(prepare, scans, monkeypatch):
    prepare("out", ["scans"])
    monkeypatch.setattr("edge_runtime.outputs.run_record.__version__", "9.9")
    with pytest.raises(
        OutputError, match=r"^out was begun with edge-digits \S+, but this run is with edge-digits 9\.9;"
    ):
        prepare("out", ["scans"], resume=True)


def test_the_partitions_stay_as_they_are_when_another_size_is_asked_for(prepare, scans):
    prepare("out", ["scans"], size=2)
    assert prepare("out", ["scans"], size=3, resume=True).job.size == 2


@pytest.mark.parametrize("content", [b"", b"no Parquet", b"PAR1" + b"x" * 99 + b"c\0\0\0PAR1"])
def test_a_damaged_listing_is_reported(prepare, scans, tmp_path, content):
    prepare("out", ["scans"])
    (tmp_path / "out" / "_listing.parquet").write_bytes(content)
    with pytest.raises(OutputError, match=r"^out/_listing.parquet cannot be read \(.*\); if it is damaged"):
        prepare("out", ["scans"], resume=True)
    assert prepare("out", ["scans"], overwrite=True).job.images == 5


def test_a_listing_that_was_interrupted_is_begun_again(prepare, scans, tmp_path, monkeypatch):
    def interrupted(*_):
        yield "scans/a.png"
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(jobs, "list_images", interrupted)
        with pytest.raises(KeyboardInterrupt):
            prepare("out", ["scans"], size=1)
    assert not list((tmp_path / "out").iterdir())
    (tmp_path / "out" / "_partial-0123-_listing.parquet").write_bytes(b"of a killed process")
    prepare("out", ["scans"]).read_all()


def test_files_that_are_missing_in_the_end_are_reported(prepare, scans, tmp_path):
    prepared = prepare("out", ["scans"])
    prepared.worker().read(0)
    with pytest.raises(
        OutputError, match=r"^out lacks 2 of 3 files, such as part-00001.parquet; every machine"
    ):
        jobs.finish(prepared.folder, prepared.job)


def test_what_a_store_did_not_give_is_read_again_when_the_job_is_continued(prepare, scans, rows_in, tmp_path):
    class Broken:
        def open_input_stream(self, path):
            raise OSError("the network is down")

    source = scans.as_uri()
    prepared = prepare("out", [source])
    stores = tuple(store._replace(system=Broken()) for store in prepared.stores)
    lost = type(prepared.worker())(prepared.folder, stores, "first")
    assert lost.read(0).missed == 2
    assert lost.read(0).missed == 2  # an engine may ask again
    assert [row["status"] for row in rows_in(tmp_path / "out")] == ["error: the network is down"] * 2
    assert prepare("out", [source], resume=True).read_all("second")[0].missed == 0
    assert len(rows_in(tmp_path / "out")) > 5
