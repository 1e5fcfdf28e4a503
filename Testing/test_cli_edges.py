"""The command line where things are amiss around it: nobody to write to, no home, an interrupt at any time."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from clithings import *  # noqa: F403  fixtures
from clithings import A_TRAINING, TRAINED

from SAMAdaptLib.cli import main, verbs
from SAMAdaptLib.errors import Cancelled, InputError
from SAMAdaptLib.jobs import runner
from SAMAdaptLib.utils.process import child_environment

POSIX = pytest.mark.skipif(sys.platform == "win32", reason="redirections and signals of POSIX")

PROGRAM = f"""
import signal, sys
from SAMAdaptLib.cli import verbs
from SAMAdaptLib.__main__ import run

def training(job, monitor):
    monitor.warning("careful")
    monitor.progress("Training", 0, 1)
    with open(job.output, "w", encoding="utf-8") as file:
        file.write(str(file.fileno()))
    WORK
    return {TRAINED!r}

verbs.run_job = training
sys.argv = {["SAMAdaptLib", *A_TRAINING]!r} + sys.argv[1:]
sys.exit(run())
"""
"""The command line in a process of its own, with a training that takes no time; WORK is what else it does."""


def command(folder: Path, redirections: str, *arguments: str, work: str = "") -> subprocess.CompletedProcess[str]:
    """The program run by a shell, its streams redirected."""
    file = folder / "program.py"
    file.write_text(PROGRAM.replace("WORK", work), encoding="utf-8")
    line = f'"{sys.executable}" program.py {" ".join(arguments)} {redirections}'
    return subprocess.run(
        line, shell=True, cwd=folder, env=child_environment(), capture_output=True, text=True, check=False
    )


# Streams ------------------------------------------------------------------------------------------------------------


@POSIX
@pytest.mark.parametrize("json_too", [(), ("--json",)])
@pytest.mark.parametrize("redirections", [">&-", ">&- 2>&-", "<&- >&- 2>&-"])
def test_closed_streams_cost_nothing(tmp_path: Path, redirections: str, json_too: tuple[str, ...]) -> None:
    done = command(tmp_path, redirections, *json_too)
    assert (done.returncode, done.stdout) == (0, "")
    assert "Traceback" not in done.stderr
    assert int((tmp_path / "h.samhead").read_text()) > 2, "no file takes the place of standard output or error"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no device that is always full")
@pytest.mark.parametrize("json_too", [(), ("--json",)])
@pytest.mark.parametrize("redirections", [">/dev/full", ">/dev/full 2>/dev/full"])
def test_an_answer_that_cannot_be_written_is_one_line_and_status_2(
    tmp_path: Path, redirections: str, json_too: tuple[str, ...]
) -> None:
    done = command(tmp_path, redirections, *json_too)
    assert done.returncode == 2
    assert (tmp_path / "h.samhead").is_file()
    if "2>" not in redirections:
        words = "error: What there is to say cannot be written to standard output (No space left on device)"
        assert done.stderr.splitlines()[-1].startswith(words)
        assert "Traceback" not in done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no device that is always full")
def test_words_on_the_way_that_cannot_be_written_are_no_fault(tmp_path: Path) -> None:
    done = command(tmp_path, "2>/dev/full", "--json")
    assert done.returncode == 0
    assert json.loads(done.stdout)["kind"] == "train"


# Interrupts ---------------------------------------------------------------------------------------------------------


@POSIX
@pytest.mark.parametrize(
    "work",
    [
        "signal.raise_signal(2); signal.raise_signal(2)",
        "signal.raise_signal(2); exec('signal.raise_signal(2)')",
        "exec('raise KeyboardInterrupt')",
        "\n    try: signal.raise_signal(2); signal.raise_signal(2)\n    except BaseException: raise ImportError('odd')",
        "\n    try: signal.raise_signal(2); signal.raise_signal(2)\n    finally: signal.raise_signal(2)",
        "\n    class Odd:\n        def __del__(self): signal.raise_signal(2); signal.raise_signal(2)"
        "\n    Odd()\n    raise ImportError('odd')",
    ],
    ids=[
        "twice",
        "within exec",
        "from elsewhere",
        "taken for another fault",
        "three times",
        "where none can be raised",
    ],
)
def test_interrupts_are_status_3_without_traceback(tmp_path: Path, work: str) -> None:
    done = command(tmp_path, "", work=work)
    assert done.returncode == 3, done.stderr
    assert "Traceback" not in done.stderr
    assert "KeyboardInterrupt" not in done.stderr


def test_an_interrupt_while_the_program_loads_is_status_3() -> None:
    code = """
import sys
class Interrupted:
    def find_spec(self, name, *_):
        if name == "SAMAdaptLib.cli.main": raise KeyboardInterrupt
sys.meta_path.insert(0, Interrupted())
from SAMAdaptLib.__main__ import run
sys.exit(run())
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=child_environment(), check=False
    )
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr == "cancelled: Stopped at once; nothing unfinished was written.\n"


@pytest.fixture
def stopped_at_the_second(monkeypatch: pytest.MonkeyPatch) -> None:
    """Jobs of which the first has a bad input, and during the second somebody presses Ctrl-C."""
    done: list[Any] = []

    def run_job(job: Any, monitor: Any) -> dict[str, Any]:
        done.append(job)
        if len(done) == 1:
            msg = "bad"
            raise InputError(msg)
        signal.raise_signal(signal.SIGINT)
        assert monitor.cancelled()
        raise Cancelled

    monkeypatch.setattr(runner, "run_job", run_job)


@POSIX
@pytest.mark.parametrize(
    "arguments",
    [
        ["segment", "--head", "ball.samhead", "a.nii.gz", "b.nii.gz", "c.nii.gz", "-o", "out/"],
        ["embed", "--head", "ball.samhead", "a.nii.gz", "b.nii.gz", "c.nii.gz"],
    ],
)
def test_an_interrupt_of_many_volumes_is_status_3_also_where_one_was_bad(
    balls: Path, arguments: list[str], stopped_at_the_second: None, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    monkeypatch.chdir(balls)
    assert main([*arguments, "--json", "--quiet"]) == 3
    told = json.loads(capsys.readouterr().out)
    assert (told["failed"], told["cancelled"], told["done"]) == (1, 2, 0)


@POSIX
def test_an_interrupt_of_a_benchmark_is_status_3_also_where_a_support_failed(
    tmp_path: Path, stopped_at_the_second: None, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    monkeypatch.chdir(tmp_path)
    supports = ["--support", "a", "--support", "b", "--support", "c"]
    assert main(["benchmark", "--data", ".", *supports, "--query", "d", "--quiet"]) == 3
    assert "cancelled: " in capsys.readouterr().err


def test_a_bad_volume_among_many_is_status_2_where_nobody_stops(balls: Path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(balls)
    monkeypatch.setattr(
        verbs, "run_many", lambda jobs, **_: [verbs.Outcome(jobs[0], verbs.OutcomeStatus.FAILED, None, BAD)]
    )
    assert main(["embed", "--head", "ball.samhead", "a.nii.gz"]) == 2
    assert "1 failed" in capsys.readouterr().out


BAD = InputError("bad")


def wait_until_it_listens(pid: int) -> None:
    """Until the command line takes care of signals: before, while Python itself starts, nothing can be promised."""
    status = Path(f"/proc/{pid}/status")
    terminated = 1 << (signal.SIGTERM - 1)
    while status.exists():
        caught = next(line for line in status.read_text().splitlines() if line.startswith("SigCgt"))
        if int(caught.split()[1], 16) & terminated:
            return
        time.sleep(0.01)
    time.sleep(3.0)


@POSIX
@pytest.mark.slow
@pytest.mark.parametrize("more", [(), ("--workers", "2")])
@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize("verb", ["segment", "embed", "benchmark"])
def test_a_real_interrupt_of_many_volumes_is_status_3(
    balls: Path, verb: str, times: int, more: tuple[str, ...]
) -> None:
    for kind, name in (("images", "{}"), ("labels", "{}-labels")):
        (balls / kind).mkdir()
        for one in "ab":
            (balls / kind / f"{one}.nii.gz").write_bytes((balls / f"{name.format(one)}.nii.gz").read_bytes())
    recipe = "--support a --support b --query a,b --encoder tiny --head cnn --budget fast"
    arguments = {
        "segment": "--head ball.samhead a.nii.gz b.nii.gz -o out/",
        "embed": "--head ball.samhead a.nii.gz b.nii.gz",
        "benchmark": f"--data . {recipe}",
    }[verb]
    process = subprocess.Popen(
        [sys.executable, "-m", "SAMAdaptLib", verb, *arguments.split(), *more],
        cwd=balls, env=child_environment(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    wait_until_it_listens(process.pid)
    for _ in range(times):
        process.send_signal(signal.SIGINT)
        time.sleep(0.3)
    err = process.communicate(timeout=60)[1]
    assert process.returncode == 3, err
    assert "Traceback" not in err
    assert not [path for path in balls.rglob("*.part*") if path.is_file()]


# Home ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("chosen", [None, "~nobody-of-that-name/cache"])
def test_without_a_home_folder_it_is_said_what_to_set(
    balls: Path, monkeypatch: pytest.MonkeyPatch, chosen: str | None, capsys
) -> None:
    def nowhere(*_: object) -> Path:
        msg = "Could not determine home directory."
        raise RuntimeError(msg)

    for name in ("SAMADAPT_HOME", "XDG_CACHE_HOME", "LOCALAPPDATA", "HOME"):
        monkeypatch.delenv(name, raising=False)
    if chosen:
        monkeypatch.setenv("SAMADAPT_HOME", chosen)
    monkeypatch.setattr(Path, "home", nowhere)
    monkeypatch.setattr(Path, "expanduser", nowhere)
    monkeypatch.chdir(balls)
    for arguments in (["cache"], ["heads"], ["segment", "--head", "ball.samhead", "a.nii.gz", "-o", "r.nii.gz"]):
        assert main([*arguments, "--quiet"]) == 2
        err = capsys.readouterr().err
        assert err.startswith("error: ")
        assert "Set SAMADAPT_HOME to a folder that you may write to." in err
    assert not Path("r.nii.gz").exists()


def test_a_head_whose_name_is_not_utf8_is_used(balls: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    if os.name == "nt":
        pytest.skip("Windows has no such names")
    monkeypatch.chdir(balls)
    odd = Path(os.fsdecode(b"b\xfc.samhead"))
    Path("ball.samhead").rename(odd)
    assert main(["segment", "--head", str(odd), "a.nii.gz", "-o", "r.nii.gz", "--json", "--quiet"]) == 0
    assert json.loads(capsys.readouterr().out)["structures"][0]["name"] == "Ball"


# The cases that were handed to us -------------------------------------------------------------------------------------


@pytest.fixture
def cases(shared_data: Path, empty_home: Path) -> Path:
    folder = shared_data.parent / "cases"
    if not folder.is_dir():
        pytest.skip(f"no handed cases at {folder}")
    return folder


@POSIX
def test_a_volume_whose_name_is_not_utf8_is_segmented_among_the_others(cases: Path, tmp_path: Path, capsys) -> None:
    images = tmp_path / "images"
    images.mkdir()
    names = ["a.nrrd", os.fsdecode(b"b\xfc.nrrd"), "c.nrrd"]
    for name in names:
        (images / name).write_bytes((cases / "file-name-not-utf8" / "im.nrrd").read_bytes())
    head = str(cases / "_head" / "t.samhead")
    assert main(["segment", "--head", head, str(images), "-o", str(tmp_path / "out"), "--quiet", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["done"] == 3
    found = sorted(path.name for path in (tmp_path / "out").glob("*.seg.nrrd"))
    assert found == sorted(name.replace(".nrrd", ".seg.nrrd") for name in names)


@POSIX
def test_a_warning_that_nobody_hears_does_not_cost_the_result(cases: Path, tmp_path: Path) -> None:
    head, image = cases / "_head" / "t.samhead", cases / "output-closed" / "im.nrrd"
    command = f'"{sys.executable}" -m SAMAdaptLib segment --head "{head}" "{image}" -o r.nii.gz >&- 2>&-'
    done = subprocess.run(command, shell=True, cwd=tmp_path, env=child_environment(), check=False)
    assert done.returncode == 0
    assert (tmp_path / "r.nii.gz").stat().st_size > 0


# --- paths that lead nowhere ------------------------------------------------------------------------------------------


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights on Windows")
@pytest.mark.parametrize(("image", "output"), [("loop.nii.gz", "r.nii.gz"), ("a.nii.gz", "loop.nii.gz")])
def test_a_link_that_leads_back_to_itself_is_refused(
    balls: Path, monkeypatch: pytest.MonkeyPatch, capsys, image: str, output: str
) -> None:
    monkeypatch.chdir(balls)
    Path("loop.nii.gz").symlink_to("loop.nii.gz")
    assert main(["segment", "--head", "ball.samhead", image, "-o", output, "--quiet"]) == 2
    assert "loop.nii.gz" in (text := capsys.readouterr().err) and text.startswith("error: ")
    assert Path("loop.nii.gz").is_symlink() and not Path("r.nii.gz").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows keeps a folder that somebody is in")
def test_a_working_folder_that_is_gone_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert main(["segment", "--head", "h", str(tmp_path / "a.nii.gz"), "-o", "r.nii.gz"]) == 2
    monkeypatch.chdir(tmp_path)
    assert "The folder in which this was started is gone" in capsys.readouterr().err
