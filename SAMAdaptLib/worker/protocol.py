"""The worker's words, for both sides: one JSON object a line, UTF-8.

To the worker (its standard input)          From the worker (its standard output)
    run    {job, spec}                          hello    {protocol, version, pid}        first line
    cancel {job}                                started  {job}
    tell   {job, about, data}                   event    {job, about, data}
    quit   {}                                   progress {job, stage, done, total, seconds_left}
                                                metric   {job, name, step, value}
                                                warning  {job, text}
                                                stopping {job}          the job saw the cancel and winds up
                                                result   {job, result}  the job's last word, or
                                                error    {job, code, message, hint}
                                                bye      {reason}       the worker leaves

``tell`` and ``event`` go to and fro while a job runs that stays open (see ``live.messages``); others ignore them.
Every line has ``say`` with the word; ``job`` is the number that ``run`` gave. ``spec`` is ``Job.to_dict()``.
``PROTOCOL`` goes up when a word changes its meaning; a client refuses a worker of another protocol. Numbers that
JSON cannot hold (NaN, infinity) travel as null.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Any, ClassVar

from .. import errors
from ..errors import InputError, SAMAdaptError, WorkerError
from ..utils.schema import check_fields, plain, read_dataclass

PROTOCOL = 1
LONGEST_LINE = 16 * 1024 * 1024
"""Characters. Nothing that is said comes near it; a longer line is noise."""

MOST_VALUES = 500_000
"""Values in a line. They take some hundred times as much memory as their characters."""


@dataclass(frozen=True)
class Message:
    """Base of everything that is said."""

    say: ClassVar[str] = ""


@dataclass(frozen=True)
class Run(Message):
    say: ClassVar[str] = "run"
    job: int
    spec: dict[str, Any]


@dataclass(frozen=True)
class Cancel(Message):
    say: ClassVar[str] = "cancel"
    job: int


@dataclass(frozen=True)
class Tell(Message):
    say: ClassVar[str] = "tell"
    job: int
    about: str
    data: dict[str, Any]


@dataclass(frozen=True)
class Quit(Message):
    say: ClassVar[str] = "quit"


@dataclass(frozen=True)
class Hello(Message):
    say: ClassVar[str] = "hello"
    protocol: int
    version: str
    pid: int


@dataclass(frozen=True)
class Started(Message):
    say: ClassVar[str] = "started"
    job: int


@dataclass(frozen=True)
class Progress(Message):
    say: ClassVar[str] = "progress"
    job: int
    stage: str
    done: int
    total: int
    seconds_left: float | None = None


@dataclass(frozen=True)
class Metric(Message):
    say: ClassVar[str] = "metric"
    job: int
    name: str
    step: int
    value: float | None


@dataclass(frozen=True)
class Warned(Message):
    say: ClassVar[str] = "warning"
    job: int
    text: str


@dataclass(frozen=True)
class Event(Message):
    say: ClassVar[str] = "event"
    job: int
    about: str
    data: dict[str, Any]


@dataclass(frozen=True)
class Stopping(Message):
    say: ClassVar[str] = "stopping"
    job: int


@dataclass(frozen=True)
class Result(Message):
    say: ClassVar[str] = "result"
    job: int
    result: dict[str, Any]


@dataclass(frozen=True)
class Failed(Message):
    say: ClassVar[str] = "error"
    job: int
    code: str
    message: str
    hint: str = ""

    def error(self) -> SAMAdaptError:
        """The exception of our family that these words describe; an unknown code becomes a WorkerError."""
        return _ERRORS.get(self.code, WorkerError)(self.message, self.hint)

    @classmethod
    def of(cls, job: int, error: SAMAdaptError) -> Failed:
        return cls(job, error.code, error.message, error.hint)


@dataclass(frozen=True)
class Bye(Message):
    say: ClassVar[str] = "bye"
    reason: str


TO_WORKER: dict[str, type[Message]] = {word.say: word for word in (Run, Cancel, Tell, Quit)}
FROM_WORKER: dict[str, type[Message]] = {
    word.say: word for word in (Hello, Started, Progress, Metric, Warned, Event, Stopping, Result, Failed, Bye)
}
_ERRORS: dict[str, type[SAMAdaptError]] = {
    kind.code: kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, SAMAdaptError)
}


def encode(word: Message) -> str:
    """One line, with its line end. Raises WorkerError when it is longer than the other side would read."""
    line = dumps({"say": word.say, **plain(word)}) + "\n"
    _require_short(line, "was to go")
    return line


def lines_of(stream: IO[str]) -> Iterator[str]:
    """The lines of a stream. Of one that is too long comes no more than its beginning, which ``decode`` refuses."""
    while line := stream.readline(LONGEST_LINE + 1):
        yield line
        while line and not line.endswith("\n"):
            line = stream.readline(LONGEST_LINE)


def _require_short(line: str, how: str) -> None:
    if len(line) > LONGEST_LINE:
        msg = f"A line of {len(line)} characters {how} over the worker's wire; at most {LONGEST_LINE} make sense."
        raise WorkerError(msg)
    if sum(map(line.count, ",[{")) > MOST_VALUES:
        msg = f"A line with more than {MOST_VALUES} values {how} over the worker's wire."
        raise WorkerError(msg)


def decode(line: str, words: dict[str, type[Message]]) -> Message:
    """The word in a line. Raises WorkerError for anything that is not one of ``words``."""
    _require_short(line, "came")
    try:
        data = json.loads(line)
    except (ValueError, RecursionError) as error:
        msg = f"Not a line of the worker's protocol: {line.strip()[:200]!r}."
        raise WorkerError(msg) from error
    say = data.pop("say", None) if isinstance(data, dict) else None
    if not isinstance(say, str) or say not in words:
        msg = f"Not a line of the worker's protocol: {line.strip()[:200]!r}."
        raise WorkerError(msg)
    return _word(words[say], data)


def _word(kind: type[Message], data: dict[str, Any]) -> Message:
    try:
        word = read_dataclass(kind, data, kind.say)
        check_fields(word)
        return word
    except (InputError, TypeError) as error:
        msg = f"The worker's word {kind.say!r} is not as agreed: {error}"
        raise WorkerError(msg) from error


def dumps(value: Any, indent: int | None = None) -> str:
    """JSON text of plain data; NaN and infinity become null, non-ASCII stays escaped (safe in any console)."""
    return json.dumps(_finite(value), allow_nan=False, indent=indent)


def _finite(value: Any) -> Any:
    """Plain JSON values only: numpy numbers become Python's, paths text, NaN and infinity None."""
    if isinstance(value, dict):
        return {str(name): _finite(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(part) for part in value]
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if value is None or isinstance(value, str | int | bool):
        return value
    item = getattr(value, "item", None)  # a numpy scalar
    return _finite(item()) if callable(item) else str(value)
