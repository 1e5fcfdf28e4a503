"""What a terminal shows: the line of progress, tables, the answer to Ctrl-C."""

from __future__ import annotations

import io
import signal
import sys

import pytest
from clithings import *  # noqa: F403  fixtures

from SAMAdaptLib.cli.tables import size, table
from SAMAdaptLib.cli.terminal import Interrupts, Terminal, bar_line, clock


class Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_shows_one_line_that_goes_away() -> None:
    screen = Screen()
    terminal = Terminal(screen)
    terminal.metric("loss", 1, 0.51234)
    terminal.progress("Encoding slices", 0, 4)
    terminal.progress("Encoding slices", 4, 4)
    terminal.clear()
    lines = screen.getvalue().split("\r")
    assert "Encoding slices  [--------------------]    0%  0/4" in lines[1]
    assert "Encoding slices  [####################]  100%  4/4" in lines[2]
    assert lines[-2].strip() == ""
    assert "\n" not in screen.getvalue()


def test_a_warning_stays_above_the_line() -> None:
    screen = Screen()
    terminal = Terminal(screen)
    terminal.progress("Encoding", 1, 4)
    terminal.warning("three voxels\nwere not finite")
    assert screen.getvalue().endswith("\rwarning: three voxels were not finite\n")


def test_where_nobody_looks_a_stage_is_one_line() -> None:
    stream = io.StringIO()
    terminal = Terminal(stream)
    for stage in ("Encoding", "Training"):
        for done in range(5):
            terminal.progress(stage, done, 4)
    assert stream.getvalue() == "Encoding ...\nTraining ...\n"


def test_quiet_shows_warnings_alone() -> None:
    stream = io.StringIO()
    terminal = Terminal(stream, quiet=True)
    terminal.progress("Encoding", 1, 4)
    terminal.warning("careful")
    assert stream.getvalue() == "warning: careful\n"


def test_a_bar_says_stage_share_count_time_and_loss() -> None:
    line = bar_line("Training", 3, 12, 45.2, {"loss": 0.31234})
    assert line == "Training  [#####---------------]   25%  3/12  0:45 left  loss 0.312"
    assert bar_line("Reading", 0, 0, None, {}) == "Reading"


def test_times_and_sizes_are_for_people() -> None:
    assert [clock(seconds) for seconds in (7.4, 750, 3723, -1)] == ["0:07", "12:30", "1:02:03", "0:00"]
    assert [size(count) for count in (None, 12, 3400, 28085517, 2.5e9)] == ["-", "12 B", "3.4 kB", "28.1 MB", "2.5 GB"]


def test_a_table_aligns_wide_characters() -> None:
    assert table(("name", "n"), [("肝臓", 1), ("liver", None)], right=(1,)).splitlines() == [
        "name   n",
        "-----  -",
        "肝臓   1",
        "liver  -",
    ]


@pytest.mark.skipif(sys.platform == "win32", reason="raises a signal in this process")
def test_the_first_interrupt_asks_and_the_second_stops(capfd) -> None:
    before = signal.getsignal(signal.SIGINT)
    with Interrupts() as interrupts:
        assert not interrupts.asked()
        signal.raise_signal(signal.SIGINT)
        assert interrupts.asked()
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before
    assert "Stopping as soon as possible" in capfd.readouterr().err
