"""What went wrong where no caller could catch it: in slots, in .ui files, at unknown signals.

PythonQt prints such faults and goes on, and the application in testing mode fails at its end. So does the
host: each fault is printed, kept, and raised when the host is left.
"""

from __future__ import annotations

import sys
import traceback
from types import TracebackType

_faults: list[str] = []


def report(text: str) -> None:
    """Keep one fault that has no exception."""
    _faults.append(text)
    sys.stderr.write(text + "\n")


def report_exception(where: str) -> None:
    """Keep the exception that is being handled, with its traceback."""
    report(f"{where}\n{traceback.format_exc()}")


def hook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """For sys.excepthook, which Qt's slots and VTK's observers end in."""
    report("".join(traceback.format_exception(kind, error, trace)))


def taken() -> list[str]:
    """All faults since the last call."""
    found, _faults[:] = list(_faults), []
    return found


def seen() -> tuple[str, ...]:
    """The faults that nobody took yet."""
    return tuple(_faults)
