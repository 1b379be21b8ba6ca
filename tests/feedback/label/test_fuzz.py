import json
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("schemathesis")

SCRIPT = Path(__file__).resolve().parents[3] / "benchmarks" / "fuzz_label.py"


def test_nothing_that_is_sent_makes_the_page_fail():
    command = [sys.executable, str(SCRIPT), "--requests", "140", "--seed", "1"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(done.stdout)
    assert (found["requests"] > 120, found["faults"]) == (True, 0)
    assert {"200", "303", "403", "422"} <= set(found["statuses"])
