"""Writes `dist/`: `python -m ops.release.write FOLDER`."""

import hashlib
import sys
from pathlib import Path

from ops.release.catalog import RELEASED

CHECKSUMS = "SHA256SUMS"  # in the form of `sha256sum --check`


def write(folder: Path) -> None:
    """Write each template and the checksums. The same sources give the same files."""
    folder.mkdir(parents=True, exist_ok=True)
    sums = []
    for template in RELEASED:
        content = template.text().encode()
        (folder / f"{template.name}.json").write_bytes(content)
        sums.append(f"{hashlib.sha256(content).hexdigest()}  {template.name}.json\n")
    (folder / CHECKSUMS).write_text("".join(sorted(sums, key=lambda line: line.split()[1])), "utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
