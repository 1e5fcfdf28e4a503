"""Standard output and error: clean for machines, there even where nobody opened them, silent when they cannot be
written to."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from typing import TextIO

from ..utils.plaintext import shown


def require_streams() -> None:
    """Let what was closed (by a service, a cron job, ``pythonw``) lead to nowhere.

    Not only Python's streams: the next file to be opened would else take the place of standard output or error, and
    what a library in C prints would end up in a result.
    """
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            nowhere = os.open(os.devnull, os.O_RDWR)
            if nowhere != descriptor:
                os.dup2(nowhere, descriptor)
                os.close(nowhere)
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115, PTH123  for good; no path


@contextlib.contextmanager
def nothing_but_answers(wanted: bool) -> Iterator[None]:
    """While active nothing reaches standard output if that is ``wanted``: it goes to standard error.

    File descriptor 1 is standard error then, so that C libraries cannot spoil the output either.
    """
    if not wanted:
        yield
        return
    with contextlib.suppress(OSError, ValueError):
        sys.stdout.flush()
    with _descriptor_1_is_2(), contextlib.redirect_stdout(sys.stderr):
        yield


@contextlib.contextmanager
def _descriptor_1_is_2() -> Iterator[None]:
    try:
        shared = sys.__stdout__ is not None and sys.stdout is sys.__stdout__ and sys.__stdout__.fileno() == 1
        kept = os.dup(1) if shared else None
    except (OSError, ValueError, AttributeError):
        kept = None
    if kept is None:  # captured by somebody else, such as a test
        yield
        return
    os.dup2(2, 1)
    try:
        yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)


def write_answer(text: str) -> str:
    """Write to standard output what a terminal may have: control codes are written out.

    Returns "", or why that could not be done; a reader that went away is no reason.
    """
    if not text:
        return ""
    text = shown(text)
    line = text if text.endswith("\n") else text + "\n"
    try:
        try:
            sys.stdout.write(line)
        except UnicodeEncodeError:
            encoding = sys.stdout.encoding or "ascii"
            sys.stdout.write(line.encode(encoding, "replace").decode(encoding))
        sys.stdout.flush()
    except BrokenPipeError:  # piped into something like `head`
        _to_nowhere(sys.stdout)
    except OSError as error:
        _to_nowhere(sys.stdout)
        return error.strerror or str(error)
    return ""


def settle() -> None:
    """Flush both streams, and drop what cannot be written: Python would complain of it at its exit."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError, AttributeError):
            _to_nowhere(stream)


def _to_nowhere(stream: TextIO) -> None:
    """What a stream still holds, and all that it is told, is lost."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        descriptor = stream.fileno()
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, descriptor)
        os.close(nowhere)
