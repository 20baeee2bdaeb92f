"""Reports of records of drawn pages: the cost of whole pages, as Markdown."""

from __future__ import annotations

from benchmarks.markdown import conditions, table
from benchmarks.record import Record


def pages_page(record: Record) -> str:
    """A record of `python -m benchmarks pages` as Markdown."""
    parts = [
        f"# Drawn pages {record.name}",
        "Made by `python -m benchmarks pages`; all figures are from the record of the same name.",
        conditions(record),
        "CPU time on one core, in milliseconds, of reading a page and of the reference: one pass of "
        "`cv2.adaptiveThreshold` and `cv2.connectedComponentsWithStats` over the same page, which alternates "
        "with the reading. The ratio is the median over all rounds. Digits found are those accepted in place "
        "and value: a page on which few are found may have been searched too little.",
        pages_table(record),
        "Wall time of each stage, milliseconds:",
        _stages_table(record),
    ]
    return "\n\n".join(parts) + "\n"


def pages_table(record: Record) -> str:
    """What reading each page costs, compared with the reference."""
    head = ("page", "size", "digits", "found", "reading", "reference", "ratio", "quartiles", "rounds")
    return table(
        head,
        (
            (
                r["page"],
                r["size"],
                r["digits"],
                r["found"],
                f"{r['read_ms']:.2f}",
                f"{r['reference_ms']:.2f}",
                f"{r['ratio_to_reference']:.2f}",
                " to ".join(f"{ratio:.2f}" for ratio in r["ratio_quartiles"]),
                r["rounds"],
            )
            for r in record.of_kind("drawn page")
        ),
    )


def _stages_table(record: Record) -> str:
    results = record.of_kind("drawn page")
    return table(
        ("page", *results[0]["ms"]),
        ((r["page"], *(f"{ms:.2f}" for ms in r["ms"].values())) for r in results),
    )
