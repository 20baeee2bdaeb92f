"""Prints pip constraints for the oldest dependencies of a device that a pyproject.toml allows."""

import re
import sys
from pathlib import Path

text = Path(sys.argv[1]).read_text(encoding="utf-8")
part = text.partition("\ndependencies = [")[2].partition("train = [")[0]
print("\n".join(f"{name}=={version}.*" for name, version in re.findall(r'"([\w-]+)>=([\d.]+)', part)))
