"""Write the small tenant that lies beside this file: `python sample_logs/generate.py [FOLDER]`."""

from __future__ import annotations

import sys
from datetime import timedelta
from pathlib import Path

HERE = Path(__file__).parent


def generate(folder: Path) -> Path:
    """Write the tenant below a folder and return its answer key; the arguments never vary."""
    sys.path[:0] = [str(HERE.parent)]
    from pipeline.sample import write_tenant

    return write_tenant(folder, seed=7, users=50, groups=6, days=14, snapshot_every=timedelta(hours=2))


if __name__ == "__main__":
    print(generate(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE))
