"""How much memory this process has needed."""

from __future__ import annotations

import sys

_MEBIBYTE = 1024.0 * 1024.0


def peak_memory_mb() -> float | None:
    """The most memory (MiB) that this process has held so far, or None where the system does not tell."""
    if sys.platform == "win32":
        return _peak_on_windows()
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (_MEBIBYTE if sys.platform == "darwin" else 1024.0), 1)  # macOS counts bytes, Linux KiB


def _peak_on_windows() -> float | None:
    import ctypes
    from ctypes import wintypes

    class Counters(ctypes.Structure):
        _fields_ = [
            ("cb", wintypes.DWORD),
            ("PageFaultCount", wintypes.DWORD),
            ("PeakWorkingSetSize", ctypes.c_size_t),
            ("others", ctypes.c_size_t * 7),
        ]

    counters = Counters(cb=ctypes.sizeof(Counters))
    try:
        kernel = ctypes.WinDLL("kernel32")  # type: ignore[attr-defined]
        kernel.GetCurrentProcess.restype = wintypes.HANDLE
        query = kernel.K32GetProcessMemoryInfo
        query.argtypes = [wintypes.HANDLE, ctypes.c_void_p, wintypes.DWORD]
        told = query(kernel.GetCurrentProcess(), ctypes.byref(counters), counters.cb)
    except (AttributeError, OSError):
        return None
    return round(counters.PeakWorkingSetSize / _MEBIBYTE, 1) if told else None
