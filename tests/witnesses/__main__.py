"""Disables every refusal of `ops/` one by one and prints those that no test misses.

python -m tests.witnesses [PATH…] [-- PYTEST_ARGUMENT…]
"""

import json
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.witnesses.session import CAUGHT, DISABLE

UNIT_TESTS = ("-m", "not thorough", "--ignore", "tests/ops/embedded", "tests/app", "tests/ops")


def modules(roots: Sequence[str] = ("ops",)) -> list[str]:
    """Return the modules below the roots whose refusals need a witness."""
    files = (file for root in map(Path, roots) for file in (root.rglob("*.py") if root.is_dir() else [root]))
    return sorted(file.as_posix() for file in files if "embedded" not in file.parts)


def results(
    paths: Sequence[str], arguments: Sequence[str] = UNIT_TESTS, mode: str = DISABLE
) -> Iterator[dict[str, str]]:
    """Yield each refusal of the modules with its result, as soon as its tests have run."""
    with tempfile.TemporaryDirectory() as folder:
        listed = subprocess.run(
            ["git", "ls-files", "-co", "--exclude-standard"], capture_output=True, text=True, check=True
        )
        for name in listed.stdout.splitlines():
            if (source := Path(name)).is_file():
                target = Path(folder, name)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(source, target)
        command = [sys.executable, "-m", "tests.witnesses.session", mode, ",".join(paths), *arguments]
        with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout
            for line in process.stdout:
                if line.startswith("{"):
                    yield json.loads(line)
                elif line.strip():
                    print(line.rstrip(), file=sys.stderr)


def main() -> None:
    given = sys.argv[1:]
    roots, arguments = given, list(UNIT_TESTS)
    if "--" in given:
        roots, arguments = given[: given.index("--")], given[given.index("--") + 1 :]
    counts: Counter[str] = Counter()
    for refusal in results(modules(roots or ["ops"]), arguments):
        counts[refusal["result"]] += 1
        if refusal["result"] != CAUGHT:
            where = f"{refusal['path']}:{refusal['line']} {refusal['function']}"
            print(f"{refusal['result']}: {where}: {refusal['text']}")
    print(", ".join(f"{number} {result}" for result, number in counts.items()))


if __name__ == "__main__":
    main()
