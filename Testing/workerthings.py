"""The real worker, of which only what it runs is replaced: a ``ProbeJob`` whose ``encoder`` is the name of one of the
functions in ``BEHAVIOURS``."""

from __future__ import annotations

import os
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from SAMAdaptLib.jobs.specs import ProbeJob
from SAMAdaptLib.worker.client import Callbacks, JobHandle, WorkerClient

BEHAVIOURS = """
import os, subprocess, sys, time
from SAMAdaptLib.errors import Cancelled, GeometryError

def quick(job, monitor):
    return {"pid": os.getpid(), "nan": float("nan")}

def noisy(job, monitor):
    print("python says this")
    os.write(1, b"C says this\\n")
    subprocess.run([sys.executable, "-c", "print('a child says this')"], check=True)
    return {"read": sys.stdin.read()}

def talkative(job, monitor):
    for done in range(4):
        monitor.progress("Encoding", done, 3)
    monitor.metric("loss", 1, 0.5)
    monitor.warning("careful")
    return {}

def obedient(job, monitor):
    monitor.progress("Waiting", 0, 1)
    while not monitor.cancelled():
        time.sleep(0.01)
    raise Cancelled

def trainer(job, monitor):
    monitor.progress("Training", 0, 1)
    while not monitor.cancelled():
        time.sleep(0.01)
    time.sleep(1.0)  # longer than the grace of these tests: it winds up
    return {"head": "best.samhead", "cancelled": True, "note": "Cancelled; kept."}

def stubborn(job, monitor):
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    monitor.warning(str(child.pid))
    time.sleep(600)

def refusing(job, monitor):
    raise GeometryError("the grids differ", "resample")

def broken(job, monitor):
    return {}["nothing"]

def full(job, monitor):
    raise MemoryError

def leaving(job, monitor):
    sys.exit("bye")

def unspeakable(job, monitor):
    monitor.progress("x", 0, 1)
    return {"a": "b" * 20}

def dying(job, monitor):
    print("last words")
    os._exit(7)

def crashing(job, monitor):
    import ctypes
    ctypes.string_at(0)

def killed(job, monitor):
    import signal
    os.kill(os.getpid(), signal.SIGKILL)

def babbling(job, monitor):
    os.write(REAL_OUT, b"this is no word\\n")
    time.sleep(600)
"""

LAUNCHER = """
import subprocess, sys
code = subprocess.call(sys.argv[1:])
if code < 0:
    print("error: [python-real] exit abnormally - Report the problem.", file=sys.stderr, flush=True)
sys.exit(code if code >= 0 else 1)
"""
"""What Slicer's PythonSlicer is and does."""


@pytest.fixture
def worker_command(tmp_path: Path) -> list[str]:
    """Starts the real worker on the behaviours above."""
    script = tmp_path / "worker under test.py"
    script.write_text(
        BEHAVIOURS
        + textwrap.dedent("""
        if __name__ == "__main__":
            from SAMAdaptLib.worker import server as worker
            REAL_OUT = os.dup(1)
            os._exit(worker.main(run=lambda job, monitor: globals()[job.encoder](job, monitor)))
        """),
        encoding="utf-8",
    )
    return [sys.executable, str(script)]


@pytest.fixture
def client(worker_command: list[str], empty_home: Path) -> Iterator[WorkerClient]:
    """A client with little patience, on the worker under test."""
    made = WorkerClient(worker_command, grace_seconds=0.5, wrap_up_seconds=10)
    yield made
    made.close()


def run(client: WorkerClient, behaviour: str, callbacks: Callbacks | None = None, **options) -> JobHandle:
    """Submit a job and wait for its end."""
    return client.wait(client.submit(ProbeJob(behaviour), callbacks, **options), timeout=60)


def poll_until(client: WorkerClient, true: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it never came"
        client.poll()
        time.sleep(0.01)


def is_alive(pid: int) -> bool:
    """True while the process runs (one that only waits to be reaped does not)."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    status = Path(f"/proc/{pid}/stat")
    return not (status.exists() and status.read_text().rpartition(")")[2].split()[0] == "Z")


def dies(pid: int, seconds: float = 10) -> bool:
    deadline = time.monotonic() + seconds
    while is_alive(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not is_alive(pid)
