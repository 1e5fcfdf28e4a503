"""A child process that can be ended whole: itself, and whatever it started.

Inside Slicer the Python to start is a launcher whose child is the real process; ending the launcher alone leaves
the other behind. So the child gets a group of its own, and the group is ended.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

ROOT = Path(__file__).resolve().parents[2]
"""The folder that ``SAMAdaptLib`` lies in."""

MODULE_PROGRAM = "python -m SAMAdaptLib"
"""The command line where nothing else is known of how it was started."""

_EXIT_SECONDS = 5.0


def program() -> str:
    """The words that start the command line where this process was started from, for help texts and errors.

    ``SAMADAPT_PROGRAM`` names them where a program such as run.py starts us.
    """
    named = os.environ.get("SAMADAPT_PROGRAM", "").strip()
    return named or ("samadapt" if Path(sys.argv[0]).stem == "samadapt" else MODULE_PROGRAM)


def child_environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """This process's environment, with this library importable and UTF-8 everywhere."""
    environment = dict(os.environ)
    paths = [str(ROOT), *filter(None, environment.get("PYTHONPATH", "").split(os.pathsep))]
    environment["PYTHONPATH"] = os.pathsep.join(dict.fromkeys(paths))
    environment["PYTHONUTF8"] = "1"
    # A file called, say, "random.py" in the folder that the user works in must not become the child's module.
    environment["PYTHONSAFEPATH"] = "1"
    environment.update(extra or {})
    return environment


def start(command: Sequence[str], errors_to: IO[Any], environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """Start a child in its own group, with pipes on its standard input and output. Raises OSError."""
    return subprocess.Popen(
        list(command),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=errors_to,
        env=dict(environment),
        **_own_group(),
    )


def _own_group() -> dict[str, Any]:
    if sys.platform == "win32":
        flags = subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW
        return {"creationflags": flags}
    return {"start_new_session": True}


def end_tree(process: subprocess.Popen[bytes]) -> int | None:
    """End a child started by ``start`` and all its descendants. Returns its exit code, None if it will not go."""
    if sys.platform == "win32":
        _end_tree_windows(process)
    else:
        # Even when the child itself is gone: its group lives on in what it started.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    with contextlib.suppress(OSError):
        process.kill()
    try:
        return process.wait(_EXIT_SECONDS)
    except subprocess.TimeoutExpired:
        return None


def _end_tree_windows(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(OSError, subprocess.TimeoutExpired):
        subprocess.run(
            ["taskkill", "/T", "/F", "/PID", str(process.pid)],
            capture_output=True,
            timeout=_EXIT_SECONDS,
            check=False,
            **_own_group(),
        )


def explain_exit(code: int | None) -> str:
    """An exit code in words: ``exit code 1``, ``ended by signal SIGKILL``, ``still running``."""
    if code is None:
        return "still running"
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"ended by signal {signal.Signals(-code).name}"
    except ValueError:
        return f"ended by signal {-code}"
