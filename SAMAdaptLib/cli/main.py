"""From arguments to an exit status: 0 done, 2 wrong usage or input, 3 cancelled, 1 a fault of ours.

An input's fault is one line on standard error; ``--debug`` shows where it came from. With ``--json`` standard output
holds one JSON object and nothing else, whatever the libraries print.
"""

from __future__ import annotations

import argparse
import sys
import traceback
from collections.abc import Sequence

from ..errors import Cancelled, SAMAdaptError
from ..faults import described
from ..wire import dumps
from .answer import Answer
from .parser import build_parser
from .terminal import Interrupts, Terminal, clean_output

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command. Gives the exit status; wrong usage and ``--help`` end in SystemExit, as argparse does."""
    options = build_parser().parse_args(argv)
    with clean_output(only_json=wants_json(options)) as write, Interrupts() as interrupts:
        terminal = Terminal(sys.stderr, interrupts.asked, quiet=options.quiet)
        answer = _answer(options, terminal)
        terminal.clear()
        for line in answer.complaints:
            terminal.say(line)
        write(dumps(answer.document) if wants_json(options) else answer.text)
    return answer.status


def wants_json(options: argparse.Namespace) -> bool:
    """``--json`` without a file: the answer goes to standard output as JSON."""
    return options.json in (True, "-")


def _answer(options: argparse.Namespace, terminal: Terminal) -> Answer:
    """What the verb answers; an exception becomes an answer, too."""
    try:
        from .verbs import VERBS

        return VERBS[options.verb](options, terminal)
    except KeyboardInterrupt:
        fault: SAMAdaptError = Cancelled("Stopped at once; nothing was written.")
    except Exception as error:
        if options.debug:
            terminal.clear()
            traceback.print_exc(file=sys.stderr)
        fault = described(error)
    return answer_of_fault(options.verb, fault)


def answer_of_fault(verb: str, fault: SAMAdaptError) -> Answer:
    """One line for people, an object for machines, and the exit status that the fault asks for."""
    document = {"kind": verb, "error": {"code": fault.code, "message": fault.message, "hint": fault.hint}}
    words = "cancelled" if isinstance(fault, Cancelled) else "error"
    line = " ".join(str(fault).split())
    advice = " (--debug shows where it came from)" if fault.exit_status == 1 else ""
    return Answer(document, "", fault.exit_status, (f"{words}: {line}{advice}",))
