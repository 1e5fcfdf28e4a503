"""The cache of features: keyed by content, whole or absent, bounded."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from listeners import Listener

from SAMAdaptLib.encoders.tiny import tiny_encoder
from SAMAdaptLib.errors import Cancelled, InputError
from SAMAdaptLib.features.cache import FeatureCache, content_key
from SAMAdaptLib.features.extractor import FeatureExtractor, FeatureRequest, picture_of, picture_to_float
from SAMAdaptLib.progress import Silent

KEY = content_key({"a": 1})


@pytest.fixture
def store(tmp_path: Path) -> FeatureCache:
    return FeatureCache(tmp_path / "features", limit_bytes=10_000_000)


def test_what_was_put_comes_back_in_half_precision(store: FeatureCache) -> None:
    array = np.random.default_rng(0).normal(0, 0.1, (4, 8, 8)).astype(np.float32)
    store.put(KEY, "neck", array)
    found = store.get(KEY, "neck")
    assert found is not None
    assert found.dtype == np.float16
    np.testing.assert_allclose(found, array, atol=1e-3)


def test_values_beyond_half_precision_stay_finite(store: FeatureCache) -> None:
    store.put(KEY, "neck", np.full((1, 2, 2), 1e9, np.float32))
    found = store.get(KEY, "neck")
    assert found is not None
    assert np.isfinite(found).all()


def test_an_absent_key_is_none(store: FeatureCache) -> None:
    assert store.get(KEY, "neck") is None
    assert not store.has(KEY, "neck")


def test_equal_parts_give_equal_keys_whatever_their_order() -> None:
    assert content_key({"a": 1, "b": [2, 3]}) == content_key({"b": [2, 3], "a": 1})
    assert content_key({"a": 1}) != content_key({"a": 2})


@pytest.mark.parametrize("damage", [b"", b"\x93NUMPY", b"garbage that is no array"])
def test_a_damaged_file_counts_as_absent_and_goes(store: FeatureCache, damage: bytes) -> None:
    store.put(KEY, "neck", np.zeros((2, 2), np.float32))
    path = next(store.folder.glob("??/*.npy"))
    path.write_bytes(damage)
    assert store.get(KEY, "neck") is None
    assert not path.exists()


def test_a_truncated_file_counts_as_absent(store: FeatureCache) -> None:
    store.put(KEY, "neck", np.zeros((64, 64), np.float32))
    path = next(store.folder.glob("??/*.npy"))
    path.write_bytes(path.read_bytes()[:-100])
    assert store.get(KEY, "neck") is None


@pytest.mark.parametrize("shape", [(3, 4), (2, 3, 2), (0,)])
def test_no_changed_byte_of_an_entry_goes_unnoticed(store: FeatureCache, shape: tuple[int, ...]) -> None:
    """Magic, header, shape, values and the checksum itself: each byte in turn."""
    store.put(KEY, "neck", np.arange(np.prod(shape), dtype=np.float32).reshape(shape))
    path = next(store.folder.glob("??/*.npy"))
    whole = path.read_bytes()
    for at in range(len(whole)):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ (1 << at % 8)]) + whole[at + 1 :])
        assert store.get(KEY, "neck") is None, f"byte {at} of {len(whole)}"
    path.write_bytes(whole)
    assert store.get(KEY, "neck") is not None


@pytest.mark.parametrize(
    ("written", "forged"),
    [("'shape': (2, 6)", "'shape': (6, 2)"), ("'<f2'", "'<i2'"), ("False", "True "), ("(2, 6), }", "(2, 5), }")],
)
def test_an_entry_whose_header_says_something_else_is_absent(store: FeatureCache, written: str, forged: str) -> None:
    store.put(KEY, "neck", np.arange(12, dtype=np.float32).reshape(2, 6))
    path = next(store.folder.glob("??/*.npy"))
    assert written.encode() in path.read_bytes()
    path.write_bytes(path.read_bytes().replace(written.encode(), forged.encode()))
    assert store.get(KEY, "neck") is None


def test_an_entry_under_another_name_is_absent(store: FeatureCache) -> None:
    other = content_key({"a": 2})
    store.put(KEY, "neck", np.zeros((2, 2), np.float32))
    store.put(other, "neck", np.ones((2, 2), np.float32))
    store._path(KEY, "neck").replace(store._path(other, "neck"))
    assert store.get(other, "neck") is None


def test_an_entry_of_an_older_version_is_computed_anew(store: FeatureCache) -> None:
    view, encoder = a_view(), CountingEncoder()
    FeatureExtractor(encoder, ("neck",), store).features(view)
    for level in ("neck", "picture"):
        np.save(store._path(view.key, level), np.zeros((256, 64, 64), np.float16))
        assert not store.has(view.key, level)
    assert FeatureExtractor(encoder, ("neck",), store).prepare([view]) == 1
    assert encoder.calls == 2


def test_a_damaged_entry_never_changes_features(store: FeatureCache) -> None:
    view, embedder = a_view(), FeatureExtractor(CountingEncoder(), ("neck",), store)
    first = embedder.features(view)
    for level in ("neck", "picture"):
        path = store._path(view.key, level)
        whole = bytearray(path.read_bytes())
        whole[len(whole) // 2] ^= 128
        path.write_bytes(whole)
        found = embedder.features(view)
        assert all(np.array_equal(found[name], first[name]) for name in first)
        assert embedder.store.get(view.key, level) is not None


def test_what_is_read_may_be_written_to_as_before(store: FeatureCache) -> None:
    for array in (np.ones((2, 3), np.float32), np.asfortranarray(np.arange(6, dtype=np.uint8).reshape(2, 3))):
        store.put(KEY, "neck", array)
        found = store.get(KEY, "neck")
        assert found is not None
        assert np.array_equal(found, array)
        found += 1


def test_entries_dated_in_the_future_go_first_and_get_todays_date_when_used(tmp_path: Path) -> None:
    store = FeatureCache(tmp_path, limit_bytes=30_000)
    future = time.time() + 10**8
    keys = [content_key({"n": n}) for n in range(3)]
    for key in keys:
        store.put(key, "neck", np.zeros(4000, np.float32))
        os.utime(store._path(key, "neck"), (future, future))
    assert store.get(keys[0], "neck") is not None
    assert store._path(keys[0], "neck").stat().st_mtime < time.time() + 60
    store.put(content_key({"n": 4}), "neck", np.zeros(4000, np.float32))
    assert store.has(keys[0], "neck")
    assert sum(store.has(key, "neck") for key in keys) < 3


def test_the_longest_unused_entries_go_first_when_the_limit_is_reached(tmp_path: Path) -> None:
    store = FeatureCache(tmp_path, limit_bytes=50_000)
    keys = [content_key({"n": n}) for n in range(8)]
    for age, key in enumerate(keys):
        store.put(key, "neck", np.zeros(4000, np.float32))
        path = next(tmp_path.glob(f"{key[:2]}/{key[2:]}.neck.npy"))
        os.utime(path, (1_000_000 + age, 1_000_000 + age))
    assert store.size_bytes() <= 50_000
    assert store.has(keys[-1], "neck")
    assert not store.has(keys[0], "neck")


def test_clearing_frees_everything_and_says_how_much(store: FeatureCache) -> None:
    store.put(KEY, "neck", np.zeros(1000, np.float32))
    assert store.clear() >= 2000
    assert store.describe()["files"] == 0


def test_nothing_half_written_is_left_when_the_folder_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "features").mkdir()
    store = FeatureCache(tmp_path / "features")
    (tmp_path / "features" / KEY[:2]).write_text("a file where a folder should be")
    store.put(KEY, "neck", np.zeros(10, np.float32))
    assert store.get(KEY, "neck") is None
    assert list(tmp_path.rglob("*.part*")) == []


def test_a_limit_that_is_no_number_is_refused_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAMADAPT_CACHE_GB", "much")
    with pytest.raises(InputError, match="SAMADAPT_CACHE_GB is 'much'"):
        FeatureCache(tmp_path)


def test_two_processes_may_write_the_same_key_at_once(tmp_path: Path) -> None:
    program = (
        "import sys, numpy as np; from pathlib import Path; from SAMAdaptLib.features.cache import FeatureCache\n"
        "store = FeatureCache(Path(sys.argv[1]), limit_bytes=10**9)\n"
        "for n in range(60): store.put('ab' + str(n % 5), 'neck', np.full((64, 64), 7, np.float32))\n"
    )
    root = Path(__file__).resolve().parent.parent
    command = [sys.executable, "-c", program, str(tmp_path)]
    running = [subprocess.Popen(command, cwd=root) for _ in range(2)]
    assert [process.wait(timeout=60) for process in running] == [0, 0]
    store = FeatureCache(tmp_path, limit_bytes=10**9)
    for n in range(5):
        found = store.get(f"ab{n}", "neck")
        assert found is not None
        assert (found == 7).all()
    assert list(tmp_path.rglob("*.part*")) == []


class CountingEncoder(type(tiny_encoder())):  # type: ignore[misc]
    """The tiny encoder, counting its calls."""

    calls = 0

    def encode(self, canvases, levels=("neck",)):  # type: ignore[no-untyped-def]
        self.calls += len(canvases)
        return super().encode(canvases, levels)


def a_view(seed: int = 0) -> FeatureRequest:
    canvas = np.random.default_rng(seed).uniform(0, 255, (1024, 1024)).astype(np.float32)
    return FeatureRequest(content_key({"seed": seed}), lambda: canvas)


def test_a_view_is_encoded_once_and_read_ever_after(store: FeatureCache) -> None:
    encoder = CountingEncoder()
    embedder = FeatureExtractor(encoder, ("neck",), store)
    first = embedder.features(a_view())
    second = FeatureExtractor(encoder, ("neck",), store).features(a_view())
    assert encoder.calls == 1
    np.testing.assert_array_equal(first["neck"], second["neck"])


def test_of_a_few_views_the_unknown_are_encoded_together_and_all_keep_their_order(store: FeatureCache) -> None:
    encoder, sizes = CountingEncoder(), []
    encoder.encode = lambda canvases, levels: (  # type: ignore[method-assign]
        sizes.append(len(canvases)) or CountingEncoder.encode(encoder, canvases, levels)
    )
    embedder = FeatureExtractor(encoder, ("neck",), store)
    alone = [
        FeatureExtractor(CountingEncoder(), ("neck",), FeatureCache(store.folder / "other")).features(a_view(n))
        for n in range(3)
    ]
    embedder.features(a_view(1))
    found = embedder.extract_features([a_view(0), a_view(1), a_view(2)])
    assert sizes == [1, 2]
    for each, expected in zip(found, alone, strict=True):
        np.testing.assert_array_equal(each["neck"], expected["neck"])
        np.testing.assert_array_equal(each["picture"], expected["picture"])


def a_large_view(seed: int) -> FeatureRequest:
    """As of a volume of finer resolution: painted on twice as many pixels a side."""
    return FeatureRequest(
        content_key({"large": seed}), lambda: np.kron(a_view(seed).paint(), np.ones((2, 2), np.float32))
    )


def test_views_of_volumes_of_other_resolution_go_through_the_encoder_in_one_training(
    store: FeatureCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    views = [a_view(0), a_large_view(1), a_view(2), a_large_view(3)]
    encoder = tiny_encoder()
    alone = [
        FeatureExtractor(encoder, ("neck",), FeatureCache(store.folder / "other")).features(view) for view in views
    ]
    embedder = FeatureExtractor(encoder, ("neck",), store)
    for each, expected in zip(embedder.extract_features(views), alone, strict=True):
        np.testing.assert_array_equal(each["picture"], expected["picture"])
        np.testing.assert_allclose(each["neck"], expected["neck"], atol=2e-3)
    other = FeatureExtractor(encoder, ("neck",), FeatureCache(store.folder / "third"))
    monkeypatch.setattr(FeatureExtractor, "batch", len(views))
    assert other.prepare(views) == len(views)


def test_preparing_encodes_only_what_is_missing(store: FeatureCache) -> None:
    encoder = CountingEncoder()
    embedder = FeatureExtractor(encoder, ("neck",), store)
    embedder.features(a_view(1))
    assert embedder.prepare([a_view(1), a_view(2)]) == 1
    assert encoder.calls == 2


def test_cancelling_between_views_stops_the_encoding(store: FeatureCache) -> None:
    with pytest.raises(Cancelled):
        FeatureExtractor(CountingEncoder(), ("neck",), store).prepare([a_view()], Listener(lambda _: True))


def test_when_the_time_is_over_only_the_needed_views_are_still_encoded(store: FeatureCache) -> None:
    encoder = CountingEncoder()
    embedder = FeatureExtractor(encoder, ("neck",), store)
    embedder.features(a_view(4))
    views = [a_view(seed) for seed in (0, 1, 2, 3, 4)]
    over = time.monotonic() - 1
    known = embedder.cache_features_until(over, views, 2, Silent())
    assert [view.key for view in known] == [views[index].key for index in (0, 1, 4)]
    assert encoder.calls == 3
    assert embedder.cache_features_until(over + 60, views, 2, Silent()) == views
    assert encoder.calls == 5


class WaitingEncoder(CountingEncoder):
    """Encodes its first picture only when another one has been painted, or never is within the time."""

    def __init__(self, another: threading.Event, seconds: float) -> None:
        super().__init__()
        self.another, self.seconds = another, seconds
        self.seen: list[bool] = []

    def encode(self, canvases, levels=("neck",)):  # type: ignore[no-untyped-def]
        self.seen.append(self.another.wait(self.seconds) if not self.seen else True)
        return super().encode(canvases, levels)


def two_views(painted: threading.Event) -> list[FeatureRequest]:
    def second() -> np.ndarray:
        painted.set()
        return a_view(1).paint()

    return [a_view(0), FeatureRequest(content_key({"seed": 1}), second)]


def test_the_next_view_is_painted_while_one_is_encoded(store: FeatureCache, monkeypatch) -> None:
    monkeypatch.delenv("SAMADAPT_THREADS", raising=False)
    painted = threading.Event()
    encoder = WaitingEncoder(painted, 60)
    assert FeatureExtractor(encoder, ("neck",), store).prepare(two_views(painted)) == 2
    assert encoder.seen == [True, True]


def test_a_program_that_keeps_to_one_core_paints_when_it_has_encoded(store: FeatureCache, monkeypatch) -> None:
    monkeypatch.setenv("SAMADAPT_THREADS", "1")
    painted = threading.Event()
    encoder = WaitingEncoder(painted, 0.2)
    assert FeatureExtractor(encoder, ("neck",), store).prepare(two_views(painted)) == 2
    assert encoder.seen == [False, True]


def test_a_view_that_cannot_be_painted_says_why_and_leaves_those_before(store: FeatureCache) -> None:
    def impossible() -> np.ndarray:
        msg = "no such slice"
        raise ValueError(msg)

    embedder = FeatureExtractor(CountingEncoder(), ("neck",), store)
    with pytest.raises(ValueError, match="no such slice"):
        embedder.prepare([a_view(0), FeatureRequest(content_key({"seed": 1}), impossible)])
    assert store.has(a_view(0).key, "neck")


def test_views_count_as_known_where_the_disk_keeps_nothing(tmp_path: Path) -> None:
    (tmp_path / "features").write_text("no folder")
    embedder = FeatureExtractor(CountingEncoder(), ("neck",), FeatureCache(tmp_path / "features", 10**9))
    views = [a_view(0), a_view(1)]
    assert embedder.cache_features_until(time.monotonic() + 60, views, 1, Silent()) == views


def test_a_picture_averages_blocks_and_marks_the_padding() -> None:
    canvas = np.full((1024, 1024), 100, np.float32)
    canvas[:, 512:] = np.nan
    picture = picture_of(canvas)
    assert picture.shape == (256, 256)
    assert (picture[:, :128] == 101).all()
    assert (picture[:, 128:] == 0).all()
    assert (picture_to_float(picture)[:, 128:] == 0).all()


def test_a_canvas_that_is_no_multiple_of_the_picture_is_refused() -> None:
    with pytest.raises(InputError, match="multiple of 256"):
        picture_of(np.zeros((1000, 1000), np.float32))
