"""From arguments to an exit status: 0 done, 2 wrong usage or input, 3 cancelled, 1 a fault of ours.

An input's fault is one line on standard error; ``--debug`` shows where it came from. With ``--json`` standard output
holds one JSON object and nothing else, whatever the libraries print.
"""

from __future__ import annotations

import argparse
import re
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path

from ..errors import Cancelled, InputError, SAMAdaptError
from ..utils.faults import described
from ..worker.protocol import dumps
from .answer import Answer
from .parser import build_parser
from .streams import nothing_but_answers, require_streams, settle, write_answer
from .terminal import Interrupts, Terminal

__all__ = ["main"]

_AT_ONCE = "Stopped at once; nothing unfinished was written."


_FIELD = re.compile(r"\b[A-Z]\w*Job\.([a-z_]+)(?= must be )")
"""How a job's own check names a field; people know it by the option that fills it."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command. Gives the exit status; wrong usage and ``--help`` end in SystemExit, as argparse does."""
    require_streams()
    try:
        options = build_parser().parse_args(argv)
        with Interrupts() as interrupts:
            return _run(options, interrupts)
    finally:
        settle()


def _run(options: argparse.Namespace, interrupts: Interrupts) -> int:
    terminal = Terminal(sys.stderr, interrupts.asked, quiet=options.quiet)
    with nothing_but_answers(wants_json(options)):
        answer = _answer(options, terminal, interrupts)
    terminal.clear()
    for line in answer.complaints:
        terminal.say(line)
    reason = write_answer(dumps(answer.document) if wants_json(options) else answer.text)
    if not reason:
        return answer.status
    terminal.say(f"error: What there is to say cannot be written to standard output ({reason}); the work itself ended.")
    return answer.status or InputError.exit_status


def wants_json(options: argparse.Namespace) -> bool:
    """``--json`` without a file: the answer goes to standard output as JSON."""
    return options.json in (True, "-")


def _answer(options: argparse.Namespace, terminal: Terminal, interrupts: Interrupts) -> Answer:
    """What the verb answers; an exception becomes an answer, too."""
    try:
        _require_working_folder()
        from .verbs import VERBS

        return VERBS[options.verb](options, terminal)
    except KeyboardInterrupt:
        fault: SAMAdaptError = Cancelled(_AT_ONCE)
    except Exception as error:
        if options.debug:
            terminal.clear()
            traceback.print_exc(file=sys.stderr)
        # An interrupt in the middle of an import, say, comes out of it as an ImportError.
        fault = Cancelled(_AT_ONCE) if interrupts.insisted else described(error)
    return answer_of_fault(options.verb, fault)


def _require_working_folder() -> None:
    """Raises InputError when the folder in which we were started is gone: paths mean nothing then, nor do libraries
    load."""
    try:
        Path.cwd()
    except OSError as error:
        msg = f"The folder in which this was started is gone ({error.strerror or error})."
        raise InputError(msg, "Was it moved, or its drive taken away? Change to a folder that is there.") from error


def answer_of_fault(verb: str, fault: SAMAdaptError) -> Answer:
    """One line for people, an object for machines, and the exit status that the fault asks for."""
    document = {"kind": verb, "error": {"code": fault.code, "message": fault.message, "hint": fault.hint}}
    words = "cancelled" if isinstance(fault, Cancelled) else "error"
    line = _FIELD.sub(lambda found: f"--{found[1].replace('_', '-')}", " ".join(str(fault).split()))
    advice = " (--debug shows where it came from)" if fault.exit_status == 1 else ""
    return Answer(document, "", fault.exit_status, (f"{words}: {line}{advice}",))
