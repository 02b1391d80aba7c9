"""The package that a wheel installs, `slipway_workbench`: this file is its `__init__.py`.

The folders `ops`, `app`, `pages`, `queries` and `rollouts` are inside it, so that nothing of ours is a
top-level module: PyPI has another `ops` (https://pypi.org/project/ops/), and an environment may hold both.
A process that imports this package asks for ours: the package's folder goes first on its path.
"""

import sys
from pathlib import Path

HERE = str(Path(__file__).parent)

if HERE not in sys.path:
    other = sys.modules.get("ops")
    if other is not None and not (getattr(other, "__file__", None) or "").startswith(HERE):
        raise ImportError(
            f"Cannot import slipway_workbench: the module ops is loaded from {other.__file__}. "
            "Import slipway_workbench first, or run it in a process of its own."
        )
    sys.path.insert(0, HERE)


def main() -> int:
    """Run the command `slipway`."""
    from ops.cli import main

    return main()
