"""The soak tests, small: each of their commands runs and finds nothing wrong."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from SAMAdaptLib.utils.process import child_environment


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX")
@pytest.mark.parametrize(
    "arguments",
    [("cluster", "--volumes", "20", "--kill-every", "5"), ("worker", "--jobs", "30"), ("kills", "--kills", "2")],
    ids=lambda arguments: arguments[0],
)
def test_a_short_soak_finds_nothing_wrong(arguments: tuple[str, ...]) -> None:
    if arguments[0] == "cluster":
        pytest.importorskip("distributed", reason="the optional package distributed is not installed")
    command = [sys.executable, str(Path(__file__).with_name("soak.py")), *arguments]
    found = subprocess.run(command, capture_output=True, text=True, check=False, env=child_environment())
    assert found.returncode == 0, found.stdout + found.stderr[-2000:]
    assert json.loads(found.stdout)["sound"] is True
