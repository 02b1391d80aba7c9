"""A verb starts without what only some queries need: those packages take seconds to import."""

import subprocess
import sys

LATER = {"awswrangler", "pandas", "streamlit", "ministack"}


def test_a_verb_starts_without_what_it_may_not_need() -> None:
    code = "import sys, ops.cli.logs.explore; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "ops.logs.engines.athena" in loaded.split()
    assert not LATER & set(loaded.split())
