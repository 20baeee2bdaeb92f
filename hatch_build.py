"""Build hook: the README for package indexes, which show it without the repository's files."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

# An image or a link whose address is a path in the repository.
_RELATIVE = re.compile(r"(!?)\[([^]]+)\]\((?!\w+:|#)([^)]+)\)")


class ReadmeHook(MetadataHookInterface):
    """Sets the long description of the package."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Replace the field `readme`."""
        text = (Path(self.root) / "README.md").read_text(encoding="utf-8")
        source = metadata.get("urls", {}).get("Source", "")
        text = standalone(text, source, metadata["version"])
        metadata["readme"] = {"content-type": "text/markdown", "text": text}


def standalone(readme: str, source: str, version: str) -> str:
    """Make relative addresses absolute: `source` is the repository's URL, the tag that of the version.

    Without a `source`, images are left out and links become plain text, since neither would work.
    """

    def replace(match: re.Match[str]) -> str:
        image, text, path = match.groups()
        if not source:
            return "" if image else text
        return f"{image}[{text}]({source.rstrip('/')}/{'raw' if image else 'blob'}/v{version}/{path})"

    return _RELATIVE.sub(replace, readme)
