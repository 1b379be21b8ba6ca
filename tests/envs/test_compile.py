import os
import subprocess
import sys
from pathlib import Path


def test_compiling_fills_the_cache_of_numba(tmp_path: Path) -> None:
    """A machine that has compiled nothing yet has something of every simulator afterwards."""
    environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path)}
    subprocess.run([sys.executable, "-m", "prefgym.envs.compile"], check=True, env=environment)
    compiled = {path.name.split(".")[0] for path in tmp_path.rglob("*.nbc")}
    assert {"traffic_worlds", "text_worlds"} <= compiled
