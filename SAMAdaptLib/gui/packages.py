"""What SAMAdapt needs installed, whether it is, and how it gets there: only when the user asks for it.

PyTorch comes from the PyTorch extension, which knows the graphics card; the rest through ``slicer.packaging``.
Checking reads metadata and imports nothing.
"""

from __future__ import annotations

import importlib.util
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import slicer
from slicer.i18n import tr as _

from ..errors import DependencyError
from ..utils.processor import is_x86
from .protocols import Application

REQUESTER = "SAMAdapt"
TORCH_REQUIREMENT = ">=2.2"
TORCH_REQUIREMENT_WINDOWS = ">=2.2,<2.13"
"""The licence files of torch 2.13 have paths that are too long for Slicer's folder on Windows."""

MATPLOTLIB = "matplotlib>=3.7"

SHOWN = ("torch", "openvino", "safetensors", "segment-anything", "numpy", "scipy", "SimpleITK")
_PYTORCH = "PyTorch"


class SlicerPackages:
    """Python packages of this Slicer.

    ``requirements`` is a requirements.txt without torch, ``samRequirements`` what SAM's own code needs besides, and
    ``openvinoRequirements`` what makes the small encoders faster.
    """

    def __init__(
        self,
        requirements: str | Path,
        samRequirements: str | Path,
        openvinoRequirements: str | Path,
        application: Application,
    ) -> None:
        self._requirements, self._samRequirements = Path(requirements), Path(samRequirements)
        self._openvinoRequirements = Path(openvinoRequirements)
        self._application = application
        self._missing: list[str] | None = None

    def missing(self) -> list[str]:
        """The requirements that are not met, torch first. Remembered until ``install`` or ``forget``."""
        if self._missing is None:
            self._missing = [] if self._installed("torch") else ["torch"]
            self._missing += [name for name in self._names() if not self._satisfied(name)]
        return self._missing

    def forget(self) -> None:
        """Look anew at the next question."""
        self._missing = None

    def samMissing(self) -> bool:
        """Whether the package that SAM ViT encoders and the autosam head need is not installed."""
        return not self._installed("segment-anything")

    def installSam(self) -> None:
        """Install it, without what it would bring along (torchvision breaks installs), checked by its hash."""
        text = _("Install the package segment-anything 1.0 into Slicer? SAM ViT encoders and AutoSAM models need it.")
        if not self._application.confirm(text, REQUESTER):
            raise DependencyError(_("The package segment-anything was not installed."))
        try:
            slicer.util.pip_install(["--no-deps", "-r", str(self._samRequirements)])
        except Exception as error:
            raise DependencyError(_("The package segment-anything could not be installed."), str(error)) from error

    def openvinoOffered(self) -> bool:
        """Whether OpenVINO would help on this processor and is not installed."""
        return is_x86() and not self._installed("openvino")

    def installOpenVino(self) -> None:
        """Install it, without what it would bring along (a package that reports its use). Raises DependencyError."""
        try:
            slicer.util.pip_install(["--no-deps", "-r", str(self._openvinoRequirements)])
        except Exception as error:
            raise DependencyError(_("The package OpenVINO could not be installed."), str(error)) from error

    def picturesMissing(self) -> bool:
        """Whether the package that draws the pictures of reports is not installed."""
        return not self._installed("matplotlib")

    def installPictures(self) -> None:
        """Install it, if the user agrees. Raises DependencyError."""
        text = _("The pictures of a report need the package matplotlib (about 10 MB). Install it into Slicer?")
        if not self._application.confirm(text, REQUESTER):
            raise DependencyError(_("The package matplotlib was not installed."))
        try:
            slicer.util.pip_install(MATPLOTLIB)
        except Exception as error:
            raise DependencyError(_("The package matplotlib could not be installed."), str(error)) from error

    def versions(self) -> dict[str, str | None]:
        """The installed versions of what is worth showing; None for what is not installed."""
        return {name: self._version(name) for name in SHOWN}

    def install(self) -> None:
        """Install what is missing; asks before it does. Raises DependencyError when it did not come to that."""
        self.forget()
        if "torch" in self.missing() and not self._installTorch():
            return
        self._installRest()
        self.forget()

    def _installTorch(self) -> bool:
        """True when torch is there; False when Slicer has to be restarted first."""
        if importlib.util.find_spec("PyTorchUtils") is None:
            return self._installTorchExtension()
        import PyTorchUtils

        requirement = TORCH_REQUIREMENT_WINDOWS if sys.platform == "win32" else TORCH_REQUIREMENT
        logic = PyTorchUtils.PyTorchUtilsLogic()
        if logic.installTorch(askConfirmation=True, torchVersionRequirement=requirement) is None:
            msg = _("PyTorch was not installed.")
            raise DependencyError(msg, _("Click Install again when you are ready, or use the module PyTorch Util."))
        return True

    def _installTorchExtension(self) -> bool:
        text = _("PyTorch is installed by the extension {name}. Install this extension now?").format(name=_PYTORCH)
        if not self._application.confirm(text, REQUESTER):
            msg = _("The extension {name} is not installed.").format(name=_PYTORCH)
            raise DependencyError(msg, _("Install it with the Extensions Manager."))
        if not self._application.installExtension(_PYTORCH):
            msg = _("The extension {name} could not be installed.").format(name=_PYTORCH)
            raise DependencyError(msg, _("Install it with the Extensions Manager, then restart."))
        self._application.restart()
        return False

    def _installRest(self) -> None:
        """Slicer 5.12 and later have ``slicer.packaging``; before that pip is called as it was then."""
        try:
            import slicer.packaging as packaging
        except ImportError:
            self._installRestOldWay()
            return
        requirements = packaging.load_requirements(str(self._requirements))
        try:
            packaging.pip_ensure(requirements, requester=REQUESTER)
        except RuntimeError as error:
            raise DependencyError(_("The Python packages were not installed."), str(error)) from error
        except Exception as error:  # subprocess.CalledProcessError: pip said why in its own window
            raise DependencyError(_("The Python packages could not be installed."), str(error)) from error

    def _installRestOldWay(self) -> None:
        wanted = [name for name in self.missing() if name != "torch"]
        text = _("Install these Python packages into Slicer: {names}?").format(names=", ".join(wanted))
        if wanted and self._application.confirm(text, REQUESTER):
            slicer.util.pip_install(wanted)

    def _names(self) -> list[str]:
        """The lines of the requirements file that name a package."""
        lines = (line.strip() for line in self._requirements.read_text(encoding="utf-8").splitlines())
        return [line for line in lines if line and not line.startswith(("#", "-"))]

    def _satisfied(self, requirement: str) -> bool:
        try:
            import slicer.packaging as packaging
        except ImportError:
            name = requirement.split(">")[0].split("=")[0].split("<")[0].split(";")[0]
            return self._installed(name.strip())
        return bool(packaging.pip_check(requirement))

    def _installed(self, name: str) -> bool:
        return self._version(name) is not None

    def _version(self, name: str) -> str | None:
        try:
            found: Any = metadata.version(name)
        except metadata.PackageNotFoundError:
            return None
        return str(found) if found else None
