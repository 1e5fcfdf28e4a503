#!/usr/bin/env python3
"""The two commands of the README and the command line, from a bare Python.

    python3 run.py demo [--data FOLDER] [--output FOLDER]    train and segment real volumes, show how good it is
    python3 run.py test [--slow] [PYTEST ARGUMENTS]          linters, types and all tests
    python3 run.py cli ARGUMENTS                             the command line: samadapt ARGUMENTS
    python3 run.py docs                                      build the documentation as a site in build/docs

Each makes the environment that it needs in .venv beside this file (once; nothing is installed anywhere else) and
runs there (Resources/installation.py). Needs Python 3.10 or later with its venv module, and nothing else.

SAMADAPT_TORCH_INDEX   where PyTorch comes from: the address or folder of a package index, or the word "cpu" for
                       PyTorch's own index of builds without CUDA (on Linux they are some gigabytes smaller).
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence

from Resources.installation import ROOT, Environment, RunError, check_python

RUNTIME = ("torch.txt", "runtime.txt", "segment-anything.txt", "accelerator.txt")
DOCUMENTATION = ("docs.txt",)
DEVELOPMENT = ("dev.txt", "cluster.txt", "dicom-seg.txt", *DOCUMENTATION)


def main(arguments: Sequence[str]) -> int:
    """Run one verb. Returns the exit status: 0 done, 1 failed, 2 wrong usage, 3 cancelled, or the verb's own."""
    verbs = {"demo": demo, "test": test, "cli": cli, "docs": docs}
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        say(__doc__ or "")
        return 0 if arguments else 2
    if arguments[0] not in verbs:
        say(f"Unknown: {arguments[0]!r}. Known are demo, test, cli and docs; python3 run.py --help tells more.")
        return 2
    try:
        check_python()
        return verbs[arguments[0]](arguments[1:])
    except RunError as error:
        say(f"\nrun.py: {error}")
        return 1
    except KeyboardInterrupt:
        say("\nrun.py: interrupted; the same command starts again.")
        return 3


def demo(arguments: Sequence[str]) -> int:
    """Train on real volumes, segment, show."""
    environment = Environment(ROOT / ".venv")
    if not {"-h", "--help"} & set(arguments):
        say("SAMAdapt demo: learn from a few annotated slices of one patient, segment others.")
    environment.ensure(RUNTIME)
    return environment.python("-m", "SAMAdaptLib.demo", "--output", str(ROOT / "demo"), *arguments)


def cli(arguments: Sequence[str]) -> int:
    """The command line, in the caller's own folder; what this file says goes to stderr."""
    environment = Environment(ROOT / ".venv")
    environment.ensure(RUNTIME)
    return environment.python("-m", "SAMAdaptLib", *arguments, program="python3 run.py cli")


def docs(arguments: Sequence[str]) -> int:
    """The pages of docs/ as a site; a link that leads nowhere is an error."""
    environment = Environment(ROOT / ".venv")
    environment.ensure(DOCUMENTATION)
    target = ROOT / "build" / "docs"
    status = environment.python("-m", "sphinx", "-q", "-W", "-b", "html", *arguments, str(ROOT / "docs"), str(target))
    say(f"Open {target / 'index.html'}" if status == 0 else "The site was not built.")
    return status


def test(arguments: Sequence[str]) -> int:
    """Run every check, also after one that failed, and say at the end which ones did."""
    environment = Environment(ROOT / ".venv")
    environment.ensure((*RUNTIME, *DEVELOPMENT))
    status = {name: checked(environment, name, command) for name, command in checks(arguments).items()}
    failed = [name for name, code in status.items() if code]
    if "--slow" not in arguments:
        say("The tests marked slow were left out; python3 run.py test --slow runs them too.")
    say(f"FAILED: {', '.join(failed)}" if failed else "All checks passed.")
    return 1 if failed else 0


def checks(arguments: Sequence[str]) -> dict[str, list[str]]:
    """The checks by name, each as the arguments of the environment's Python; pytest comes last."""
    slow = ["-m", ""] if "--slow" in arguments else []
    return {
        "ruff check": ["-m", "ruff", "check", "."],
        "ruff format": ["-m", "ruff", "format", "--check", "."],
        "mypy": ["-m", "mypy"],
        "pytest": ["Testing/run_suite.py", *slow, *(part for part in arguments if part != "--slow")],
    }


def checked(environment: Environment, name: str, command: Sequence[str]) -> int:
    """Run one check from the root; returns its exit status."""
    say(f"\n== {name}")
    began = time.monotonic()
    status = environment.python(*command, folder=ROOT)
    say(f"== {name}: {'ok' if status == 0 else f'failed (exit status {status})'}, {time.monotonic() - began:.0f} s")
    return status


def say(text: str) -> None:
    """To the user; at once, so that it stays in order with what children print."""
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
