"""Arrays too large for memory, in temporary files: a full disk is an error here, never the end of the process.

A map of a file without room on the disk ends the process (SIGBUS) when it is written to. So the room is taken first,
or the file is written to with calls that report what goes wrong. The files have no name where the system allows that,
so nothing is left of them.
"""

from __future__ import annotations

import contextlib
import math
import os
import tempfile
from collections.abc import Iterator
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from ...errors import DiskFullError, InputError
from ..files import TEMPORARY, disk_full, lacks_room, temporary_folder, write_all

if TYPE_CHECKING:
    from numpy.typing import DTypeLike, NDArray

_ZEROS = bytes(1 << 20)


@contextlib.contextmanager
def scratch_array(shape: tuple[int, ...], dtype: DTypeLike) -> Iterator[NDArray[Any]]:
    """An array of zeros in a temporary file, whose room on the disk is taken; gone on leaving.

    Raises DiskFullError naming the temporary folder when there is no room.
    """
    with open_scratch() as file:
        _take_room(file, math.prod(shape) * np.dtype(dtype).itemsize)
        array: NDArray[Any] = np.memmap(file, dtype, "r+", shape=shape)
        yield array
        del array


def lasting_array(shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
    """As ``scratch_array``; the file is gone as soon as nothing refers to the array any more. Raises DiskFullError."""
    with open_scratch() as file:  # its map keeps what the file held when it is closed
        _take_room(file, math.prod(shape) * np.dtype(dtype).itemsize)
        return np.memmap(file, dtype, "r+", shape=shape)


def open_scratch() -> IO[bytes]:
    """An unbuffered temporary file, gone when it is closed. Raises DiskFullError."""
    with _naming_the_folder():
        return tempfile.TemporaryFile(buffering=0, dir=temporary_folder())


def put(file: IO[bytes], at: int, array: NDArray[Any]) -> None:
    """Write an array's bytes at a place of the file. Raises DiskFullError."""
    with _naming_the_folder():
        file.seek(at)
        write_all(file, np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)


def fetch(file: IO[bytes], at: int, shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
    """The array that was put there. Raises InputError where the file ends before it."""
    array: NDArray[Any] = np.empty(shape, dtype)
    left = array.reshape(-1).view(np.uint8).data
    file.seek(at)
    while left:
        count = file.readinto(left)  # type: ignore[attr-defined]
        if not count:
            msg = f"A temporary file in {temporary_folder()} ends too early."
            raise InputError(msg, "Was it cut off by another program?")
        left = left[count:]
    return array


def _take_room(file: IO[bytes], count: int) -> None:
    """Have the disk set ``count`` bytes aside, all zero. Raises DiskFullError."""
    with _naming_the_folder(count):
        if hasattr(os, "posix_fallocate"):
            try:
                os.posix_fallocate(file.fileno(), 0, count)
            except OSError as error:
                if lacks_room(error, temporary_folder()):
                    raise  # other errors mean that this file system sets nothing aside: zeros do
            else:
                return
        for at in range(0, count, len(_ZEROS)):
            write_all(file, _ZEROS[: count - at])


@contextlib.contextmanager
def _naming_the_folder(needed: int | None = None) -> Iterator[None]:
    """What lacks room inside becomes a DiskFullError; ``needed`` are bytes, if they are known."""
    try:
        yield
    except OSError as error:
        folder = temporary_folder()
        if not lacks_room(error, folder):
            raise
        told = disk_full(folder / "a temporary file", needed)
        hint = f"Free some space there, or set {TEMPORARY} to a folder with room."
        raise DiskFullError(told.message, hint) from error
