"""The one family of errors: each names the input, the reason and the remedy.

Nothing here imports more than the standard library, so that the user interface, the client and the
command line can catch what the worker raises without loading torch.
"""

from __future__ import annotations


class SAMAdaptError(Exception):
    """Base of every error that SAMAdapt raises on purpose.

    ``message`` says what was wrong with which input; ``hint`` says what to do about it.
    ``code`` travels over the worker's wire, ``exit_status`` is the command line's.
    """

    code = "fault"
    exit_status = 1

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip()

    def __reduce__(self) -> tuple:
        return type(self), (self.message, self.hint)


class InputError(SAMAdaptError):
    """An input cannot be used: a file, a volume, an argument."""

    code = "input"
    exit_status = 2


class DiskFullError(InputError):
    """There is no room for a file; what was there before is untouched."""

    code = "disk_full"


class GeometryError(InputError):
    """Two grids that must agree do not, or a grid is not a valid one."""

    code = "geometry"


class HeadFileError(InputError):
    """A head file is damaged, of an unknown schema, or made for another encoder."""

    code = "head_file"


class WeightsError(InputError):
    """Encoder weights are missing, cannot be fetched, or are not the expected file."""

    code = "weights"


class DependencyError(SAMAdaptError):
    """A Python package that the asked-for feature needs is not installed."""

    code = "dependency"
    exit_status = 2


class MemoryExhausted(SAMAdaptError):
    """The work does not fit into the memory of this machine or device."""

    code = "memory"


class WorkerError(SAMAdaptError):
    """The worker process died, could not be started, or spoke out of turn."""

    code = "worker"


class Cancelled(SAMAdaptError):
    """The user cancelled; nothing half-written is left behind."""

    code = "cancelled"
    exit_status = 3

    def __init__(self, message: str = "Cancelled.", hint: str = "") -> None:
        super().__init__(message, hint)
