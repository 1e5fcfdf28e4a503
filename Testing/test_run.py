"""run.py: the environment it makes, what it installs when, and how it passes on what its children say."""

from __future__ import annotations

import ast
import json
import os
import re
import socket
import subprocess
import sys
import threading
from pathlib import Path
from types import ModuleType

import pytest

import run
from Resources import installation
from Resources.installation import Environment, RunError

FILES = ("runtime.txt", "accelerator.txt")


class FakePip:
    """Stands in for creating an environment and for pip; remembers what was asked."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.created = 0
        self.installed: list[str] = []
        self.answers: dict[str, int | type[BaseException]] = {}
        monkeypatch.setattr(Environment, "_create", lambda environment: self._create(environment))
        monkeypatch.setattr(Environment, "_pip", lambda environment, arguments: self._pip(environment, arguments))
        monkeypatch.setattr(Environment, "_runs", lambda environment: True)

    def _create(self, environment: Environment) -> None:
        self.created += 1
        environment.folder.mkdir(exist_ok=True)
        environment.unfinished.unlink(missing_ok=True)
        environment._write_stamp({})

    def _pip(self, environment: Environment, arguments: list[str]) -> int:
        name = Path(arguments[-1]).name
        self.installed.append(name)
        answer = self.answers.get(name, 0)
        if isinstance(answer, int):
            return answer
        raise answer


@pytest.fixture
def pip(monkeypatch: pytest.MonkeyPatch) -> FakePip:
    return FakePip(monkeypatch)


@pytest.fixture
def environment(tmp_path: Path) -> Environment:
    return Environment(tmp_path / "environment")


@pytest.fixture
def requirements(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the requirements that a test may change."""
    folder = tmp_path / "requirements"
    folder.mkdir()
    for path in installation.REQUIREMENTS.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    monkeypatch.setattr(installation, "REQUIREMENTS", folder)
    return folder


def test_without_arguments_it_tells_both_commands_and_fails(capsys: pytest.CaptureFixture[str]) -> None:
    assert run.main([]) == 2
    said = capsys.readouterr().out
    assert "run.py demo" in said
    assert "run.py test" in said


def test_help_is_no_failure(capsys: pytest.CaptureFixture[str]) -> None:
    assert run.main(["--help"]) == 0
    assert "SAMADAPT_TORCH_INDEX" in capsys.readouterr().out


def test_an_unknown_verb_is_answered_with_the_known_ones(capsys: pytest.CaptureFixture[str]) -> None:
    assert run.main(["dance"]) == 2
    assert "'dance'. Known are demo, test, cli and docs" in capsys.readouterr().out


def test_an_old_python_is_refused_with_what_is_needed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(installation, "OLDEST_PYTHON", (99, 0))
    assert run.main(["demo"]) == 1
    assert "3.10 or later is needed" in capsys.readouterr().out


def test_the_first_run_installs_everything_and_the_second_nothing(pip: FakePip, environment: Environment) -> None:
    environment.ensure(FILES)
    assert pip.installed == list(FILES)
    environment.ensure(FILES)
    assert (pip.created, pip.installed) == (1, list(FILES))


def test_more_files_are_added_to_what_is_there(pip: FakePip, environment: Environment) -> None:
    environment.ensure(FILES)
    environment.ensure((*FILES, "dev.txt"))
    assert (pip.created, pip.installed) == (1, [*FILES, "dev.txt"])


def test_a_changed_file_alone_is_installed_again(pip: FakePip, environment: Environment, requirements: Path) -> None:
    environment.ensure(FILES)
    (requirements / "accelerator.txt").write_text("openvino==1\n", encoding="utf-8")
    environment.ensure(FILES)
    assert (pip.created, pip.installed) == (1, [*FILES, "accelerator.txt"])


def test_an_interrupted_installation_begins_anew(pip: FakePip, environment: Environment) -> None:
    pip.answers["accelerator.txt"] = KeyboardInterrupt
    with pytest.raises(KeyboardInterrupt):
        environment.ensure(FILES)
    pip.answers.clear()
    environment.ensure(FILES)
    assert (pip.created, pip.installed) == (2, [*FILES, *FILES])


def test_a_killed_pip_is_reported_and_the_installation_begins_anew(pip: FakePip, environment: Environment) -> None:
    pip.answers["runtime.txt"] = -9
    with pytest.raises(RunError, match="ended by signal 9"):
        environment.ensure(FILES)
    pip.answers.clear()
    environment.ensure(FILES)
    assert pip.created == 2


def test_a_failed_installation_names_the_file_and_goes_on_from_there(pip: FakePip, environment: Environment) -> None:
    pip.answers["dev.txt"] = 1
    with pytest.raises(RunError, match=r"requirements/dev\.txt.*HTTPS_PROXY"):
        environment.ensure(("runtime.txt", "dev.txt"))
    pip.answers.clear()
    environment.ensure(("runtime.txt", "dev.txt"))
    assert (pip.created, pip.installed) == (1, ["runtime.txt", "dev.txt", "dev.txt"])


def test_an_optional_package_that_does_not_exist_here_is_done_without(
    pip: FakePip, environment: Environment, capsys: pytest.CaptureFixture[str]
) -> None:
    pip.answers["accelerator.txt"] = 1
    environment.ensure(FILES)
    environment.ensure(FILES)
    assert pip.installed == list(FILES)
    assert "not available here" in capsys.readouterr().err


def test_an_environment_of_another_python_is_made_anew(pip: FakePip, environment: Environment) -> None:
    environment.ensure(FILES)
    stamp = json.loads(environment.stamp.read_text(encoding="utf-8"))
    environment.stamp.write_text(json.dumps({**stamp, "python": "3.9.0"}), encoding="utf-8")
    environment.ensure(FILES)
    assert pip.created == 2


def test_a_damaged_stamp_counts_as_no_environment(pip: FakePip, environment: Environment) -> None:
    environment.ensure(FILES)
    environment.stamp.write_text('{"python":', encoding="utf-8")
    environment.ensure(FILES)
    assert pip.created == 2


def test_an_environment_whose_python_was_removed_counts_as_none(environment: Environment) -> None:
    environment.folder.mkdir()
    environment._write_stamp({name: installation.fingerprint(name) for name in FILES})
    assert environment.missing(FILES) == list(FILES)


def test_every_pin_is_exact() -> None:
    lines = [
        line
        for path in installation.REQUIREMENTS.glob("*.txt")
        for line in path.read_text(encoding="utf-8").splitlines()
    ]
    pins = [line for line in lines if line and not line.startswith("#")]
    assert pins
    assert [
        pin for pin in pins if not re.match(r"[A-Za-z0-9_.-]+==[0-9][^,*<>]*( --hash=sha256:[0-9a-f]{64}|;|$)", pin)
    ] == []


def test_every_requirements_file_is_used() -> None:
    assert {path.name for path in installation.REQUIREMENTS.iterdir()} == {
        *run.RUNTIME,
        *run.DEVELOPMENT,
        "constraints.txt",
    }


def test_segment_anything_is_taken_by_hash_and_alone() -> None:
    arguments = installation.pip_arguments("segment-anything.txt")
    assert {"--no-deps", "--require-hashes"} <= set(arguments)
    text = (installation.REQUIREMENTS / "segment-anything.txt").read_text(encoding="utf-8")
    assert "86f67d417a915823c3302098effe9008b688945772517310956bb49de0e7f02e" in text


def test_openvino_comes_without_its_telemetry() -> None:
    assert "--no-deps" in installation.pip_arguments("accelerator.txt")
    pins = [path.read_text(encoding="utf-8") for path in installation.REQUIREMENTS.iterdir()]
    assert not any(re.search("^openvino-telemetry", text, re.MULTILINE) for text in pins)


@pytest.mark.parametrize(
    ("chosen", "index"),
    [("", None), ("cpu", installation.TORCH_CPU_INDEX), ("https://example.org/simple", "https://example.org/simple")],
)
def test_pytorch_comes_from_the_index_that_the_user_names(
    monkeypatch: pytest.MonkeyPatch, chosen: str, index: str | None
) -> None:
    monkeypatch.setenv("SAMADAPT_TORCH_INDEX", chosen)
    arguments = installation.pip_arguments("torch.txt")
    assert (arguments[arguments.index("--extra-index-url") + 1] if index else None) == index
    assert ("--extra-index-url" in arguments) == (index is not None)
    assert "--extra-index-url" not in installation.pip_arguments("runtime.txt")


def test_an_index_that_does_not_answer_is_refused_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}"
    monkeypatch.setenv("SAMADAPT_TORCH_INDEX", address)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with pytest.raises(RunError, match=r"SAMADAPT_TORCH_INDEX: .* does not answer .* Unset it"):
        installation.say_which_torch()


def test_all_checks_run_even_after_one_failed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = record_children(monkeypatch, failing="ruff")
    assert run.test(["-k", "geometry"]) == 1
    assert [command[1] for command in asked[:-1]] == ["ruff", "ruff", "mypy"]
    assert asked[-1] == ["Testing/run_suite.py", "-k", "geometry"]
    said = capsys.readouterr().out
    assert "FAILED: ruff check, ruff format" in said
    assert "--slow runs them too" in said


def test_slow_tests_are_asked_for_with_one_word(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = record_children(monkeypatch)
    assert run.test(["--slow"]) == 0
    assert asked[-1] == ["Testing/run_suite.py", "-m", ""]
    said = capsys.readouterr().out
    assert "All checks passed." in said
    assert "left out" not in said


def test_the_command_line_gets_its_arguments_unchanged_and_answers_with_its_own_status(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = record_children(monkeypatch, failing="SAMAdaptLib")
    assert run.main(["cli", "segment", "--head", "a head.samhead", "--json"]) == 1
    assert asked == [["-m", "SAMAdaptLib", "segment", "--head", "a head.samhead", "--json"]]
    assert capsys.readouterr().out == ""


def test_the_demo_writes_beside_run_py_unless_told_otherwise(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = record_children(monkeypatch)
    assert run.main(["demo", "--output", "elsewhere"]) == 0
    assert asked == [["-m", "SAMAdaptLib.demo", "--output", str(run.ROOT / "demo"), "--output", "elsewhere"]]
    assert "SAMAdapt demo" in capsys.readouterr().out


def test_children_see_this_checkout_and_no_foreign_packages(
    monkeypatch: pytest.MonkeyPatch, environment: Environment, tmp_path: Path
) -> None:
    monkeypatch.setenv("PYTHONPATH", "/somewhere/else")
    monkeypatch.setenv("PYTHONHOME", "/somewhere/else")
    environment.executable = Path(sys.executable)
    report = tmp_path / "report.json"
    code = "import json, os, pathlib; pathlib.Path('report.json').write_text(json.dumps(dict(os.environ)))"
    assert environment.python("-c", code, folder=tmp_path) == 0
    variables = json.loads(report.read_text(encoding="utf-8"))
    assert variables["PYTHONPATH"] == str(run.ROOT)
    assert "PYTHONHOME" not in variables


def test_two_runs_do_not_install_at_once() -> None:
    entered = threading.Event()

    def second_run() -> None:
        with installation.locked(Path(installation.__file__)):
            entered.set()

    with installation.locked(Path(installation.__file__)):
        other = threading.Thread(target=second_run)
        other.start()
        waited = not entered.wait(0.2)
    other.join(20)
    assert waited
    assert entered.is_set()


@pytest.mark.parametrize("module", [run, installation], ids=["run.py", "what it imports"])
def test_run_py_needs_nothing_but_the_standard_library(module: ModuleType) -> None:
    tree = ast.parse(Path(str(module.__file__)).read_text(encoding="utf-8"))
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    names = {alias.name for node in imports if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module or "" for node in imports if isinstance(node, ast.ImportFrom)}
    assert names
    assert {name.split(".")[0] for name in names - {"Resources.installation"}} <= set(sys.stdlib_module_names)


@pytest.mark.slow
def test_an_environment_is_made_and_its_python_runs(environment: Environment) -> None:
    environment._create()
    assert environment.missing(FILES) == list(FILES)
    command = [str(environment.executable), "-m", "pip", "--version"]
    result = subprocess.run(command, check=False, capture_output=True, text=True, env=installation.clean_variables())
    assert os.fspath(environment.folder) in result.stdout


def record_children(monkeypatch: pytest.MonkeyPatch, failing: str = "nothing") -> list[list[str]]:
    """Let no environment be made and no child run; those with ``failing`` among their arguments fail."""
    asked: list[list[str]] = []

    def python(environment: Environment, *arguments: str, folder: Path | None = None, program: str = "") -> int:
        asked.append(list(arguments))
        return int(failing in arguments)

    monkeypatch.setattr(Environment, "ensure", lambda environment, files: None)
    monkeypatch.setattr(Environment, "python", python)
    return asked
