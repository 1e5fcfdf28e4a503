"""Jobs on a Dask cluster: nothing lost, nothing done twice, and a cluster that is not there is told within seconds."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from balls import ball_head, write_ball
from listeners import Listener

from SAMAdaptLib.cli.main import main
from SAMAdaptLib.errors import DependencyError, HeadFileError, InputError, SAMAdaptError, WorkerError
from SAMAdaptLib.heads.head import save_head
from SAMAdaptLib.jobs.specs import BenchmarkJob, EmbedJob, EvaluateJob, SegmentJob, TrainJob
from SAMAdaptLib.utils.process import ROOT, child_environment
from SAMAdaptLib.worker import cluster
from SAMAdaptLib.worker.pool import Outcome, OutcomeStatus, run_many


@pytest.fixture
def nobody(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The package distributed, with little patience."""
    monkeypatch.setattr(cluster, "CONNECT_SECONDS", 0.6)
    return pytest.importorskip("distributed", reason="the optional package distributed is not installed")


@pytest.fixture
def head(tmp_path: Path) -> str:
    return str(save_head(ball_head(), tmp_path / "ball.samhead"))


def jobs_for(folder: Path, head: str, *images: str) -> list[SegmentJob]:
    return [SegmentJob(image, head, str(folder / f"{image}.seg.nrrd")) for image in images]


# What the workers run -----------------------------------------------------------------------------------------------


def test_errors_travel_as_words(tmp_path: Path) -> None:
    answer = cluster.run_remotely(EvaluateJob(str(tmp_path / "no.nii"), "neither.nii").to_dict())
    assert answer["error"]["code"] == "input"
    assert "no.nii does not exist" in answer["error"]["message"]


def test_one_job_at_a_time_runs_in_a_process_however_many_threads_it_has(monkeypatch) -> None:
    running, most = 0, 0

    def run_job(job, monitor) -> dict:
        nonlocal running, most
        running += 1
        most = max(most, running)
        time.sleep(0.03)
        running -= 1
        return {"pid": os.getpid()}

    monkeypatch.setattr("SAMAdaptLib.jobs.runner.run_job", run_job)
    spec = EvaluateJob("a.nii", "b.nii").to_dict()
    answers: list[dict] = []
    threads = [threading.Thread(target=lambda: answers.append(cluster.run_remotely(spec))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 1
    assert answers == [{"result": {"pid": os.getpid()}}] * 6


def test_a_head_that_was_sent_is_used_from_a_place_of_the_workers_own(
    tmp_path: Path, head: str, empty_home: Path
) -> None:
    image, _ = write_ball(tmp_path)
    output = tmp_path / "ball.seg.nrrd"
    spec = SegmentJob(image, "/not/on/this/machine/ball.samhead", str(output)).to_dict()
    content = Path(head).read_bytes()
    sent = [("head", "ball.samhead", hashlib.sha256(content).hexdigest())]
    answer = cluster.run_remotely(spec, sent, content)
    assert answer["result"]["structures"][0]["name"] == "Ball"
    assert output.is_file()
    assert [path.read_bytes() for path in (empty_home / "jobs").rglob("*.samhead")] == [content]


def test_a_head_that_arrives_otherwise_than_it_was_sent_is_refused(tmp_path: Path, head: str, empty_home: Path) -> None:
    content = Path(head).read_bytes()
    sent = [("head", "ball.samhead", hashlib.sha256(content).hexdigest())]
    spec = SegmentJob("a.nii", head, str(tmp_path / "o.nrrd")).to_dict()
    answer = cluster.run_remotely(spec, sent, content[:-1] + b"!")
    assert answer["error"]["code"] == HeadFileError.code
    assert "ball.samhead arrived on the cluster's worker with other content than was sent" in answer["error"]["message"]


@pytest.mark.parametrize("damage", [lambda path: path.write_bytes(b"x"), Path.unlink])
def test_a_head_that_is_damaged_where_it_waits_is_written_anew(damage, empty_home: Path) -> None:
    digest = hashlib.sha256(b"content").hexdigest()
    first = cluster._stored("a.samhead", digest, b"content")
    damage(first)
    assert cluster._stored("a.samhead", digest, b"content").read_bytes() == b"content"


def test_a_sent_heads_name_leads_nowhere_else(empty_home: Path) -> None:
    digest = hashlib.sha256(b"content").hexdigest()
    assert cluster._stored("../../a.samhead", digest, b"content").parent.name == digest[:16]


# What is sent to them -----------------------------------------------------------------------------------------------


def test_paths_are_absolute(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    spec = cluster._absolute(SegmentJob("a.nii", "h.samhead", "o.nrrd"))
    assert spec["image"] == str(tmp_path / "a.nii")
    assert spec["weights"] is None
    channels = SegmentJob("a_t1.nii", "h.samhead", "o.nrrd", channels=("t1", "t2"))
    assert cluster._absolute(channels)["channels"] == ["t1", "t2"]  # words, not paths


@pytest.mark.parametrize(
    ("job", "paths"),
    [
        (SegmentJob("a.nii", "h.samhead", "o.nrrd"), {"head": "h.samhead"}),
        (EmbedJob("a.nii"), {}),
        (EvaluateJob("a.nii", "b.nii"), {}),
        (BenchmarkJob("data", (("a",),), ("b",), head="unet"), {}),
    ],
)
def test_heads_are_sent_where_a_job_names_their_file(job, paths: dict) -> None:
    assert cluster._head_paths(job) == paths


def test_a_head_to_go_on_from_is_sent_and_the_type_of_head_is_not(tmp_path: Path) -> None:
    from SAMAdaptLib.jobs.specs import CaseFiles

    job = TrainJob((CaseFiles("a", "b"),), "new.samhead", head="cnn", start_from="old.samhead")
    assert cluster._head_paths(job) == {"start_from": "old.samhead"}


def test_a_head_that_cannot_be_read_costs_its_jobs_and_no_others(tmp_path: Path, head: str) -> None:
    jobs = dict(enumerate([*jobs_for(tmp_path, head, "a"), *jobs_for(tmp_path, str(tmp_path / "no.samhead"), "b")]))
    sent, unreadable = cluster._heads_of(jobs)
    assert [item.name for item in sent[0]] == ["ball.samhead"]
    assert "no.samhead cannot be read (No such file" in str(unreadable[1])


# A cluster that is not there ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", [ROOT, Path("/nowhere")])
def test_a_missing_dask_is_named_with_the_command_that_installs_it(place, tmp_path, head: str, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    monkeypatch.setattr(cluster, "ROOT", place)
    what = f"-r {ROOT / 'requirements' / 'cluster.txt'}" if place == ROOT else "distributed"
    with pytest.raises(DependencyError) as caught:
        run_many(jobs_for(tmp_path, head, "a"), scheduler="tcp://127.0.0.1:1")
    assert caught.value.hint == f"Run: {sys.executable} -m pip install {what}"


def test_the_command_line_answers_a_missing_dask_with_status_2(tmp_path: Path, head: str, monkeypatch, capsys) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    image, _ = write_ball(tmp_path)
    arguments = ["segment", "--head", head, image, "-o", str(tmp_path / "o.seg.nrrd"), "--scheduler", "tcp://h:1"]
    assert main(arguments) == 2
    assert "-m pip install -r" in capsys.readouterr().err


@pytest.fixture
def mute() -> Iterator[str]:
    """The address of something that takes connections and says nothing, as a web server does to Dask."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"tcp://127.0.0.1:{listening.getsockname()[1]}"


@pytest.mark.parametrize(
    "address",
    [
        "tcp://127.0.0.1:1",
        "127.0.0.1:1",
        "tcp://127.0.0.1:99999",
        "tcp://:99999",
        "tcp://name.invalid:8786",
        "tls://127.0.0.1:1",
        "http://127.0.0.1:80",
        "nonsense",
        "",
    ],
)
@pytest.mark.filterwarnings("default")
def test_a_wrong_address_is_told_within_seconds(address: str, tmp_path: Path, head: str, nobody) -> None:
    began = time.monotonic()
    with pytest.raises(InputError, match=r"No Dask scheduler answers at .* \(.+\)\. Check the address"):
        run_many(jobs_for(tmp_path, head, "a"), scheduler=address)
    assert time.monotonic() - began < 6


@pytest.mark.filterwarnings("default")
def test_something_else_at_the_address_is_told_within_seconds(mute: str, tmp_path: Path, head: str, nobody) -> None:
    began = time.monotonic()
    with pytest.raises(InputError, match="No Dask scheduler answers at tcp://127"):
        run_many(jobs_for(tmp_path, head, "a"), scheduler=mute)
    assert time.monotonic() - began < 6


@pytest.mark.filterwarnings("default")
def test_the_command_line_answers_a_wrong_address_with_status_2(tmp_path: Path, head: str, nobody, capsys) -> None:
    image, _ = write_ball(tmp_path)
    arguments = ["segment", "--head", head, image, "-o", str(tmp_path / "out"), "--scheduler", "tcp://127.0.0.1:1"]
    (tmp_path / "out").mkdir()
    assert main(arguments) == 2
    assert "No Dask scheduler answers at tcp://127.0.0.1:1" in capsys.readouterr().err


@pytest.mark.filterwarnings("default")
def test_a_cancel_is_noticed_while_the_scheduler_is_silent(mute: str, tmp_path: Path, head: str, monkeypatch) -> None:
    pytest.importorskip("distributed", reason="the optional package distributed is not installed")
    began = time.monotonic()
    monitor = Listener(lambda _: time.monotonic() - began > 0.3)
    (outcome,) = run_many(jobs_for(tmp_path, head, "a"), scheduler=mute, monitor=monitor)
    assert outcome.ending is OutcomeStatus.CANCELLED
    assert time.monotonic() - began < 2


# A stand-in for a cluster -------------------------------------------------------------------------------------------


class FakeFuture:
    def __init__(self, status: str, answer: Any = None) -> None:
        self.status, self._answer, self.released = status, answer, False

    def done(self) -> bool:
        return self.status != "pending"

    def result(self, timeout: float) -> Any:
        if isinstance(self._answer, Exception):
            raise self._answer
        return self._answer

    def exception(self) -> Exception:
        return self._answer

    def release(self) -> None:
        self.released = True


class FakeCluster:
    def __init__(self, workers: dict[str, int]) -> None:
        self.workers, self.cancelled = workers, []

    def nthreads(self) -> dict[str, int]:
        return self.workers

    def cancel(self, futures: list) -> None:
        self.cancelled += futures


def answers_of(fake: FakeCluster, futures: dict[FakeFuture, int], monitor: Listener) -> list[tuple[int, Any]]:
    """What comes of jobs whose futures are these."""
    by_index = {index: future for future, index in futures.items()}
    return list(cluster._answers(fake, by_index.__getitem__, list(by_index), monitor))


def test_what_a_job_came_to_is_let_go_on_the_cluster_once_it_is_here() -> None:
    """Else the loss of a worker would have all computed again that it ever did."""
    futures = [FakeFuture("finished", {"result": {"n": n}}) for n in range(3)]
    answers = answers_of(FakeCluster({"a": 1}), dict(zip(futures, range(3), strict=True)), Listener())
    assert sorted(index for index, _ in answers) == [0, 1, 2]
    assert all(future.released for future in futures)


def test_how_a_job_ended_is_told_apart() -> None:
    bad = FakeFuture("finished", {"error": {"code": "input", "message": "It is constant.", "hint": "Export it again."}})
    lost, gone = FakeFuture("error", KeyError("no worker")), FakeFuture("cancelled")
    answers = dict(answers_of(FakeCluster({"a": 1}), {bad: 0, lost: 1, gone: 2}, Listener()))
    assert isinstance(answers[0], InputError)
    assert str(answers[0]) == "It is constant. Export it again."
    assert isinstance(answers[1], WorkerError)
    assert "could not run it (KeyError: 'no worker')" in str(answers[1])
    assert "The Dask scheduler was lost" in str(answers[2])


def test_a_result_whose_worker_was_lost_just_now_is_waited_for_again() -> None:
    future = FakeFuture("finished", TimeoutError())
    assert answers_of(FakeCluster({"a": 1}), {future: 0}, Listener(lambda heard: heard.asked > 2)) == []
    future = FakeFuture("finished", TimeoutError())
    monitor = Listener(lambda heard: setattr(future, "_answer", {"result": {}}))  # at the first look
    assert answers_of(FakeCluster({"a": 1}), {future: 0}, monitor) == [(0, {})]


def test_a_cancel_withdraws_what_has_not_ended_and_hands_over_no_more() -> None:
    futures = {FakeFuture("pending"): index for index in range(3)}
    fake = FakeCluster({"a": 1, "b": 1})
    assert answers_of(fake, futures, Listener(lambda heard: heard.asked > 1)) == []
    assert fake.cancelled == list(futures)[:2]


def test_no_more_jobs_are_handed_over_than_there_are_workers() -> None:
    """Those that wait behind a job that is a worker's death would be blamed for it."""
    handed_over: list[int] = []
    futures = [FakeFuture("pending") for _ in range(5)]

    def begin(index: int) -> FakeFuture:
        handed_over.append(index)
        assert sum(future.status == "pending" for future in futures[: index + 1]) <= 2
        return futures[index]

    def work(heard: Listener) -> bool:
        future = futures[heard.asked // 3 % 5]
        future.status, future._answer = "finished", {"result": {}}
        return heard.asked > 40

    fake = FakeCluster({"a": 4, "b": 1})
    answers = list(cluster._answers(fake, begin, list(range(5)), Listener(work)))
    assert [index for index, _ in answers] == handed_over == list(range(5))


def test_a_cluster_that_loses_all_its_workers_is_waited_for_and_then_gives_up_what_is_left(monkeypatch) -> None:
    assert cluster.RETURN_SECONDS >= 300, "a batch system takes minutes to start workers"
    monkeypatch.setattr(cluster, "NO_WORKER_SECONDS", 0.1)
    monkeypatch.setattr(cluster, "RETURN_SECONDS", 0.2)
    monkeypatch.setattr(cluster, "_COUNT_SECONDS", 0.05)
    monitor = Listener()
    answers = answers_of(FakeCluster({}), {FakeFuture("pending"): 7, FakeFuture("pending"): 8}, monitor)
    assert monitor.warnings == ["The cluster has no worker any more; one is waited for, 0.2 s at most."]
    assert [index for index, _ in answers] == [7, 8]
    answer = answers[0][1]
    assert isinstance(answer, WorkerError)
    assert "has had no worker for 0.2 s" in str(answer)


def test_a_scheduler_that_was_lost_costs_what_is_left_and_is_named() -> None:
    def begin(index: int) -> Any:
        if index:
            msg = "the client is closed"
            raise RuntimeError(msg)
        return FakeFuture("cancelled")

    answers = list(cluster._answers(FakeCluster({"a": 1}), begin, [0, 1, 2], Listener()))
    assert [(index, str(answer)[:28]) for index, answer in answers] == [
        (index, "The Dask scheduler was lost.") for index in range(3)
    ]


def test_a_cluster_without_workers_is_an_error_that_says_so(monkeypatch) -> None:
    assert cluster.NO_WORKER_SECONDS == 60
    monkeypatch.setattr(cluster, "NO_WORKER_SECONDS", 0.2)
    with pytest.raises(InputError, match=r"tcp://h:1 has had no worker for 0\.2 s\. Start some: dask worker tcp://h:1"):
        cluster._await_a_worker(FakeCluster({}), "tcp://h:1", Listener())


def test_workers_of_several_threads_are_advised_of_processes() -> None:
    monitor = Listener()
    cluster._await_a_worker(FakeCluster({"a": 1, "b": 4}), "tcp://h:1", monitor)
    assert "4 threads each, and do one job at a time" in monitor.warnings[0]
    assert "--nthreads 1 --nworkers 4" in monitor.warnings[0]


def test_a_benchmark_without_an_output_needs_no_folder_that_the_workers_see(monkeypatch) -> None:
    from SAMAdaptLib.worker import benchmark as cohort_benchmark

    seen: list[BenchmarkJob] = []

    def run(jobs, monitor: Any, **_: Any) -> list[Outcome]:
        seen.extend(jobs)
        return [
            Outcome(job, OutcomeStatus.DONE, result={"supports": [job.supports[0]], "warnings": []}) for job in jobs
        ]

    monkeypatch.setattr(cohort_benchmark, "run_many", run)
    monkeypatch.setattr(
        "SAMAdaptLib.jobs.benchmark.merge_results", lambda results: {"supports": [r["supports"] for r in results]}
    )
    job = BenchmarkJob("data", (("a",), ("b",)), ("c",))
    assert cohort_benchmark.run_supports(job, scheduler="tcp://h:1")["supports"] == [[("a",)], [("b",)]]
    assert [part.output for part in seen] == [None, None]


# Real clusters ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def workers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A Dask cluster of two processes on this machine, with a home of its own."""
    distributed = pytest.importorskip("distributed", reason="the optional package distributed is not installed")
    os.environ["SAMADAPT_HOME"] = str(tmp_path_factory.mktemp("home"))
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None, silence_logs=50) as made:
        del os.environ["SAMADAPT_HOME"]
        yield made


def work_remotely(spec: dict, heads: list, *contents: bytes) -> dict:
    """Stands in for ``run_remotely`` on the cluster's workers: what a test asks for is in the image's name."""
    import os
    import time
    from pathlib import Path

    name, output = Path(spec["image"]).name, Path(spec["output"])
    with output.with_suffix(".begun").open("a") as journal:
        journal.write(f"{os.getpid()}\n")
    if name.startswith("mortal") or (name.startswith("unlucky") and not output.with_suffix(".lost").exists()):
        output.with_suffix(".lost").touch()
        time.sleep(0.2)
        os._exit(9)
    if name.startswith("bad"):
        return {"error": {"code": "input", "message": f"{name} is constant.", "hint": "Export it again."}}
    output.write_text("labels")
    return {"result": {"pid": os.getpid(), "sent": [name for _, name, _ in heads]}}


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> None:
    import cloudpickle

    cloudpickle.register_pickle_by_value(sys.modules[__name__])
    monkeypatch.setattr(cluster, "run_remotely", work_remotely)


def begun(job: SegmentJob) -> int:
    """How often the work on a volume was begun."""
    return len(Path(job.output).with_suffix(".begun").read_text().splitlines())


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_the_volume_of_a_lost_worker_is_done_again_and_no_other(tmp_path, head, workers, stand_in) -> None:
    names = [*(f"a{number}" for number in range(12)), "unlucky1", "bad", *(f"b{number}" for number in range(4))]
    jobs = jobs_for(tmp_path, head, *names, "unlucky2", "there")
    Path(jobs[-1].output).write_text("kept")
    told: list[Outcome] = []
    outcomes = run_many(jobs, scheduler=workers.scheduler_address, told=told.append)
    wanted = {"bad": "failed", "there": "skipped"}
    assert {Path(o.job.image).name: o.ending.value for o in outcomes} == {
        name: wanted.get(name, "done") for name in [*names, "unlucky2", "there"]
    }
    assert len(told) == len({id(item) for item in told}) == len(jobs)
    assert {name: begun(job) for name, job in zip(names, jobs, strict=False)} == {
        name: 2 if name.startswith("unlucky") else 1 for name in names
    }
    assert outcomes[0].result is not None
    assert outcomes[0].result["sent"] == ["ball.samhead"]


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_a_volume_that_kills_every_worker_is_given_up(tmp_path: Path, head: str, workers, stand_in) -> None:
    outcomes = run_many(jobs_for(tmp_path, head, "mortal", "a"), scheduler=workers.scheduler_address)
    assert [outcome.ending for outcome in outcomes] == [OutcomeStatus.FAILED, OutcomeStatus.DONE]
    assert "KilledWorker" in str(outcomes[0].error)


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_a_cluster_segments_with_a_head_that_only_we_have(tmp_path: Path, head: str, workers) -> None:
    jobs = []
    for number in range(4):
        image, _ = write_ball(tmp_path, f"v{number}", shift=number)
        jobs.append(SegmentJob(image, head, str(tmp_path / f"v{number}.seg.nrrd")))
    jobs.append(dataclasses.replace(jobs[0], image=str(tmp_path / "no.nii.gz"), output=str(tmp_path / "no.seg.nrrd")))
    outcomes = run_many(jobs, scheduler=workers.scheduler_address)
    assert [outcome.ending.value for outcome in outcomes] == ["done"] * 4 + ["failed"]
    assert [outcome.result["head"] for outcome in outcomes[:4] if outcome.result] == ["ball"] * 4
    assert "no.nii.gz does not exist" in str(outcomes[4].error)


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_a_scheduler_without_workers_and_a_worker_in_its_place_are_told(tmp_path, head, workers, monkeypatch) -> None:
    distributed = pytest.importorskip("distributed")
    monkeypatch.setattr(cluster, "NO_WORKER_SECONDS", 0.5)
    worker = next(iter(workers.scheduler_info["workers"]))
    with pytest.raises(InputError, match="is a Dask worker, not a scheduler"):
        run_many(jobs_for(tmp_path, head, "a"), scheduler=worker)
    with (
        distributed.LocalCluster(n_workers=0, dashboard_address=None, silence_logs=50) as empty,
        pytest.raises(InputError, match=r"has had no worker for 0\.5 s"),
    ):
        run_many(jobs_for(tmp_path, head, "a"), scheduler=empty.scheduler_address)


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
@pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX")
def test_a_scheduler_that_is_lost_ends_the_run_with_words(tmp_path: Path, head: str, empty_home: Path) -> None:
    import subprocess

    pytest.importorskip("distributed")
    code = """
import time, distributed
if __name__ == "__main__":
    options = {"threads_per_worker": 1, "dashboard_address": ":0", "protocol": "tcp", "processes": False}
    with distributed.LocalCluster(n_workers=1, **options) as made:
        print(made.scheduler_address, flush=True)
        time.sleep(600)
"""
    script = tmp_path / "scheduler.py"
    script.write_text(code)
    command = [sys.executable, str(script)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=child_environment())
    assert process.stdout is not None
    address = process.stdout.readline().strip()
    image, _ = write_ball(tmp_path)
    jobs = [SegmentJob(image, head, str(tmp_path / f"{number}.seg.nrrd")) for number in range(500)]

    def kill(outcome: Outcome) -> None:
        process.send_signal(signal.SIGKILL)

    outcomes = run_many(jobs, scheduler=address, told=lambda outcome: kill(outcome) if outcome.result else None)
    process.kill()
    process.wait()
    process.stdout.close()
    assert {outcome.ending for outcome in outcomes} == {OutcomeStatus.DONE, OutcomeStatus.FAILED}
    assert isinstance(outcomes[-1].error, SAMAdaptError)
    assert "scheduler was lost" in str(outcomes[-1].error)
