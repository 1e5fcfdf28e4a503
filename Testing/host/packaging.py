"""`slicer.packaging`: the same questions and answers, but nothing is ever installed.

`asked` lists what pip would have been given; `missing` names packages that are taken for absent although this
Python has them, `present` those that are taken for installed although it has not.
"""

from __future__ import annotations

import importlib.metadata
from collections.abc import Callable
from pathlib import Path
from typing import Any

import slicer
from packaging.markers import default_environment
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

asked: list[list[str]] = []
missing: set[str] = set()
present: dict[str, str] = {}
failure: list[BaseException] = []
"""Exceptions that the next calls of `pip_install` raise."""


def load_requirements(path: str | Path) -> list[Requirement]:
    """Requirements of a requirements.txt; comments and options of pip are passed over."""
    lines = [line.strip() for line in Path(path).read_text(encoding="utf-8").splitlines()]
    return [Requirement(line) for line in lines if line and line[0] not in "#-"]


def _requirements(given: Any) -> list[Requirement]:
    if isinstance(given, Requirement):
        return [given]
    if isinstance(given, str):
        try:
            return [Requirement(given)]
        except InvalidRequirement:
            return [Requirement(part) for part in given.split()]
    if isinstance(given, list):
        return [Requirement(item) if isinstance(item, str) else item for item in given]
    msg = f"Expected str, Requirement, or list, got {type(given).__name__}"
    raise TypeError(msg)


def _version(name: str) -> str | None:
    key = canonicalize_name(name)
    if key in missing:
        return None
    if key in present:
        return present[key]
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def pip_check(req: Any) -> bool:
    """Whether all requirements are met; extras are not looked into."""
    for item in _requirements(req):
        if item.marker is not None and not item.marker.evaluate(default_environment()):
            continue
        found = _version(item.name)
        if found is None or found not in item.specifier:
            return False
    return True


def pip_ensure(
    requirements: Any,
    constraints: str | Path | None = None,
    skip_packages: list[str] | None = None,
    prompt_install: bool = True,
    prompt_restart: bool = True,
    requester: str | None = None,
    skip_in_testing: bool = True,
    show_progress: bool = True,
) -> list[str] | None:
    """Ask, then install what is missing; RuntimeError when declined; nothing in testing mode."""
    wanted = [item for item in _requirements(requirements) if not pip_check(item)]
    if not wanted or (skip_in_testing and slicer.app.testingEnabled()):
        return None
    if prompt_install:
        title = f"{requester} - Install Python Packages" if requester else "Install Python Packages"
        what = "1 Python package needs" if len(wanted) == 1 else f"{len(wanted)} Python packages need"
        text = f"{what} to be installed.\n\nThis will modify Slicer's Python environment. Continue?"
        details = "\n".join(f"- {item}" for item in wanted)
        if not slicer.util.confirmOkCancelDisplay(text, title, detailedText=details):
            msg = "User declined package installation"
            raise RuntimeError(msg)
    return pip_install(
        [str(item) for item in wanted], constraints=constraints, skip_packages=skip_packages, requester=requester
    )


def isPipInstallInProgress() -> bool:
    """Whether an installation runs that did not block."""
    return False


def pip_install(
    requirements: str | list[str],
    constraints: str | Path | None = None,
    no_deps_requirements: str | list[str] | None = None,
    skip_packages: list[str] | None = None,
    blocking: bool = True,
    show_progress: bool = True,
    requester: str | None = None,
    logCallback: Callable[[str], None] | None = None,
    completedCallback: Callable[[int], None] | None = None,
) -> list[str] | None:
    """Write down what was asked for, and take it for installed from now on."""
    if failure:
        raise failure.pop(0)
    groups = [no_deps_requirements, requirements]
    items = [part for group in groups if group for part in (group.split() if isinstance(group, str) else group)]
    asked.append(items)
    for item in items:
        try:
            requirement = Requirement(item)
        except InvalidRequirement:
            continue
        missing.discard(canonicalize_name(requirement.name))
        present.setdefault(canonicalize_name(requirement.name), _least(requirement))
    if completedCallback is not None:
        completedCallback(0)
    return [] if skip_packages is not None else None


def _least(requirement: Requirement) -> str:
    numbers = [item.version for item in requirement.specifier if item.operator in ("==", ">=", "~=")]
    return numbers[0].replace(".*", ".0") if numbers else _version(requirement.name) or "1.0"


def forget() -> None:
    """Start anew."""
    asked.clear()
    missing.clear()
    present.clear()
    failure.clear()
