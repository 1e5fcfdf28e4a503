"""What is shipped is whole: the lists of CMake, the copy that users get, and what the extension says about itself."""

from __future__ import annotations

import json
import os
import re
import runpy
import shutil
import struct
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent
STUB = ROOT / "Testing" / "cmake_stub"
LISTS = {"SAMAdapt": ROOT / "SAMAdapt", "SAMAdaptLib": ROOT / "SAMAdaptLib"}
RAW = "https://raw.githubusercontent.com/SAMAdapt/SlicerSAMAdapt/main/"

every_list = pytest.mark.parametrize("folder", LISTS.values(), ids=LISTS.keys())


def listed(folder: Path, variable: str) -> list[str]:
    """The entries of ``set(variable ...)`` in a module's CMakeLists.txt."""
    text = (folder / "CMakeLists.txt").read_text(encoding="utf-8")
    found = re.search(rf"^set\({variable}\n(.*?)^  \)$", text, flags=re.M | re.S)
    return [] if found is None else found[1].replace("${MODULE_NAME}", folder.name).split()


def shipped() -> dict[str, Path]:
    """Place below ``qt-scripted-modules`` -> source, for all that the lists name."""
    files = {name: LISTS["SAMAdapt"] / name for name in listed(LISTS["SAMAdapt"], "MODULE_PYTHON_SCRIPTS")}
    files |= {name: LISTS["SAMAdapt"] / name for name in listed(LISTS["SAMAdapt"], "MODULE_PYTHON_RESOURCES")}
    library = LISTS["SAMAdaptLib"]
    return files | {f"SAMAdaptLib/{name}": library / name for name in listed(library, "MODULE_PYTHON_SCRIPTS")}


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that holds exactly the listed files, as Slicer installs them."""
    folder = tmp_path_factory.mktemp("qt-scripted-modules")
    for place, source in shipped().items():
        (folder / place).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, folder / place)
    return folder


def run_from(folder: Path, *arguments: str, **options: str) -> subprocess.CompletedProcess[str]:
    """This Python, with the installed copy and nothing of the checkout on its path."""
    environment = {**os.environ, "PYTHONPATH": str(folder), "PYTHONSAFEPATH": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    environment.update(options)
    command = [sys.executable, *arguments]
    return subprocess.run(
        command, cwd=folder.parent, env=environment, capture_output=True, text=True, check=False, timeout=300
    )


# --- lists ----------------------------------------------------------------------------------------------------------


@every_list
def test_every_python_file_is_listed(folder):
    present = {path.relative_to(folder).as_posix() for path in folder.rglob("*.py")}
    missing = sorted(present - set(listed(folder, "MODULE_PYTHON_SCRIPTS")))
    assert not missing, f"not shipped: {', '.join(missing)}; run python Resources/list_scripts.py"


@every_list
def test_every_listed_file_exists_and_is_listed_once(folder):
    names = listed(folder, "MODULE_PYTHON_SCRIPTS") + listed(folder, "MODULE_PYTHON_RESOURCES")
    assert names
    assert sorted(set(names)) == sorted(names)
    assert not [name for name in names if not (folder / name).is_file()]


def test_every_resource_of_the_module_is_listed():
    folder = LISTS["SAMAdapt"]
    present = {path.relative_to(folder).as_posix() for path in (folder / "Resources").rglob("*") if path.is_file()}
    assert {name for name in present if "/." not in name} == set(listed(folder, "MODULE_PYTHON_RESOURCES"))


def test_the_script_that_writes_the_lists_agrees(capsys):
    script = runpy.run_path(str(ROOT / "Resources" / "list_scripts.py"))
    assert script["main"](["--check"]) == 0
    assert capsys.readouterr().out == ""


def test_the_script_finds_a_stale_list():
    script = runpy.run_path(str(ROOT / "Resources" / "list_scripts.py"))
    text = "set(A\n  old.py\n  )\nset(B\n  kept\n  )\n"
    new = script["with_list"](text, "A", ["new.py", "x/y.py"])
    assert new == "set(A\n  new.py\n  x/y.py\n  )\nset(B\n  kept\n  )\n"
    with pytest.raises(ValueError, match="C is set 0 times"):
        script["with_list"](text, "C", [])


def test_no_other_python_file_could_be_taken_for_a_module():
    assert [path.name for path in LISTS["SAMAdapt"].glob("*.py")] == ["SAMAdapt.py"]
    assert not list(ROOT.glob("Testing/__init__.py"))


# --- the copy that users get ----------------------------------------------------------------------------------------


def test_the_installed_library_imports_whole(installed):
    names = [place for place in shipped() if place.startswith("SAMAdaptLib/") and "/gui/" not in place]
    modules = sorted(name[:-3].replace("/__init__", "").replace("/", ".") for name in names)
    code = f"""
import importlib, pathlib, sys
import SAMAdaptLib
assert pathlib.Path(SAMAdaptLib.__file__).is_relative_to(sys.argv[1]), SAMAdaptLib.__file__
outside = set()
for name in {modules!r}:
    if name.endswith("__main__"):
        continue
    try:
        importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name.startswith("SAMAdaptLib"):
            raise
        outside.add(error.name)
print(sorted(outside))
"""
    found = run_from(installed, "-W", "ignore", "-c", code, str(installed))
    assert found.returncode == 0, found.stderr
    assert set(json.loads(found.stdout.strip().splitlines()[-1].replace("'", '"'))) <= {
        "torch", "openvino", "safetensors", "matplotlib", "segment_anything", "dask", "distributed",
    }  # fmt: skip


def test_the_installed_command_line_runs(installed):
    found = run_from(installed, "-m", "SAMAdaptLib", "--help")
    assert found.returncode == 0, found.stderr
    assert "segment" in found.stdout


def test_the_installed_worker_does_a_job(installed, tmp_path):
    sitk = pytest.importorskip("SimpleITK")
    labels = sitk.Image(6, 5, 4, sitk.sitkUInt8)
    labels[2:4, 2:4, 1:3] = 1
    sitk.WriteImage(labels, str(tmp_path / "a.nrrd"))
    code = """
import sys
from SAMAdaptLib.worker.client import WorkerClient
from SAMAdaptLib.jobs.specs import EvaluateJob
client = WorkerClient()
try:
    handle = client.wait(client.submit(EvaluateJob(sys.argv[1], sys.argv[1])), timeout=120)
    print(handle.outcome()["kind"])
finally:
    client.close()
"""
    found = run_from(installed, "-c", code, str(tmp_path / "a.nrrd"), SAMADAPT_HOME=str(tmp_path / "home"))
    assert found.returncode == 0, found.stderr
    assert found.stdout.split() == ["evaluate"]


# --- CMake ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def configured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A build folder of the root CMakeLists, configured against the stand-in for Slicer's macros."""
    cmake = shutil.which("cmake")
    if cmake is None:
        pytest.skip("cmake is not installed")
    build = tmp_path_factory.mktemp("build")
    command = [cmake, "-S", str(ROOT), "-B", str(build), f"-DSlicer_DIR={STUB}", "-DBUILD_TESTING=ON"]
    found = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    if "No CMAKE_C" in found.stderr or "No CMAKE_CXX" in found.stderr:
        pytest.skip("no compiler for cmake")
    assert found.returncode == 0, found.stderr
    return build


def test_the_extension_configures_and_ships_what_the_lists_say(configured):
    lines = (configured / "shipped.txt").read_text(encoding="utf-8").splitlines()
    ships = {place: Path(source) for place, source in (line.split("|") for line in lines)}
    assert len(ships) == len(lines)
    assert ships == shipped()


def test_slicers_own_tests_are_registered_and_hold_tests(configured):
    lines = (configured / "tests.txt").read_text(encoding="utf-8").splitlines()
    assert "generic SAMAdapt" in lines
    scripts = [Path(line.removeprefix("unittest ")) for line in lines if line.startswith("unittest ")]
    present = sorted((ROOT / "Testing" / "Slicer").glob("*.py"))
    assert sorted(scripts) == sorted([ROOT / "SAMAdapt" / "SAMAdapt.py", *present])
    for script in scripts:  # Slicer's runner passes with zero tests
        assert re.search(r"^    def test_\w+\(self\)", script.read_text(encoding="utf-8"), flags=re.M), script


def test_the_extension_says_what_the_index_asks_for(configured):
    lines = (configured / "extension.txt").read_text(encoding="utf-8").splitlines()
    said = dict(line.split("=", 1) for line in lines)
    assert said["PROJECT"] == "SAMAdapt"
    assert said["DEPENDS"] == "PyTorch"
    assert Path(said["README_FILE"]) == ROOT / "README.md"
    assert Path(said["LICENSE_FILE"]) == ROOT / "LICENSE"
    assert 1 <= said["DESCRIPTION"].count(". ") + said["DESCRIPTION"].endswith(".") <= 2
    assert said["ICONURL"] == f"{RAW}SAMAdapt/Resources/Icons/SAMAdapt.png"


# --- what the extension says about itself ---------------------------------------------------------------------------


def test_metadata_stands_on_one_quoted_line_each():
    text = (ROOT / "CMakeLists.txt").read_text(encoding="utf-8")
    names = re.findall(r"set\(EXTENSION_(\w+)", text)
    assert names == re.findall(r'^set\(EXTENSION_(\w+) "[^"\n]+"\)$', text, flags=re.M)
    assert set(names) == {
        "HOMEPAGE", "CONTRIBUTORS", "DESCRIPTION", "ICONURL", "SCREENSHOTURLS",
        "DEPENDS", "README_FILE", "LICENSE_FILE",
    }  # fmt: skip


def test_the_screenshots_that_the_index_shows_are_pictures_in_the_repository():
    text = (ROOT / "CMakeLists.txt").read_text(encoding="utf-8")
    urls = re.search(r'EXTENSION_SCREENSHOTURLS "([^"]+)"', text)[1].split()
    assert urls
    for url in urls:
        assert url.startswith(RAW)
        assert url.endswith((".png", ".jpg", ".gif"))
        assert (ROOT / url.removeprefix(RAW)).is_file(), url


def test_the_index_entry_has_the_keys_of_the_schema_and_agrees_with_cmake():
    entry = json.loads((ROOT / "SAMAdapt.json").read_text(encoding="utf-8"))
    assert list(entry) == sorted(entry)
    assert set(entry) == {"$schema", "build_dependencies", "category", "scm_revision", "scm_url", "tier"}
    assert re.fullmatch(r"https://\S+/slicer-extension-catalog-entry-schema-v1\.0\.\d\.json#", entry["$schema"])
    assert entry["build_dependencies"] == ["PyTorch"]
    assert entry["category"] == "Segmentation"
    assert entry["tier"] == 1
    assert entry["scm_url"].endswith("/SlicerSAMAdapt.git")
    assert f'set(EXTENSION_HOMEPAGE "{entry["scm_url"].removesuffix(".git")}")' in (ROOT / "CMakeLists.txt").read_text()


def test_the_icon_is_128_pixels_square_and_drawn_by_its_script(tmp_path):
    icon = LISTS["SAMAdapt"] / "Resources" / "Icons" / "SAMAdapt.png"
    data = icon.read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    assert struct.unpack(">II", data[16:24]) == (128, 128)
    plt = pytest.importorskip("matplotlib.pyplot")
    script = runpy.run_path(str(ROOT / "Resources" / "draw_icon.py"))
    drawn, kept = (plt.imread(path) for path in (script["draw"](tmp_path / "icon.png"), icon))
    assert drawn.shape == kept.shape
    assert abs(drawn - kept).mean() < 0.02  # other versions of the font and line code differ at edges


# --- the module in a stand-in for the application -------------------------------------------------------------------

OPEN_THE_PANEL = """
import pathlib, sys
from host import SlicerHost
with SlicerHost(sys.argv[1] + "/SAMAdapt.py") as host:
    import SAMAdaptLib
    assert pathlib.Path(SAMAdaptLib.__file__).is_relative_to(sys.argv[1]), SAMAdaptLib.__file__
    assert host.widget.panel is not None
    print("opened", host.module.parent.title)
"""

RUN_TESTS = """
import sys, unittest
from host import SlicerHost
sys.path.insert(0, sys.argv[1])
with SlicerHost() as host:
    suite = unittest.TestLoader().loadTestsFromName(sys.argv[2])
    outcome = unittest.TextTestRunner(verbosity=2).run(suite)
    assert outcome.wasSuccessful()
    assert outcome.testsRun > len(outcome.skipped)
"""


def run_in_host(code: str, *arguments: str, path: Path, **options: str) -> subprocess.CompletedProcess[str]:
    """Python code in a process of its own that can import the stand-in host; skips where its parts are missing."""
    pytest.importorskip("slicer", reason="slicer-core is not installed")
    pytest.importorskip("PySide6", reason="PySide6 is not installed")
    places = os.pathsep.join(map(str, (path, ROOT / "Testing")))
    return run_from(ROOT / "Testing", "-c", code, *arguments, **{"PYTHONPATH": places, **options})


def test_the_installed_module_opens(installed, tmp_path):
    found = run_in_host(OPEN_THE_PANEL, str(installed), path=installed, SAMADAPT_HOME=str(tmp_path))
    assert found.returncode == 0, found.stderr
    assert found.stdout.split() == ["opened", "SAMAdapt"]


def test_the_scene_tests_for_slicer_pass_in_the_host(tmp_path):
    arguments = (str(ROOT / "Testing" / "Slicer"), "SAMAdaptSceneTest")
    found = run_in_host(RUN_TESTS, *arguments, path=ROOT, SAMADAPT_HOME=str(tmp_path))
    assert found.returncode == 0, found.stderr


@pytest.mark.slow
def test_the_worker_tests_for_slicer_pass_in_the_host(tmp_path):
    arguments = (str(ROOT / "Testing" / "Slicer"), "SAMAdaptWorkerTest")
    found = run_in_host(RUN_TESTS, *arguments, path=ROOT, SAMADAPT_HOME=str(tmp_path))
    assert found.returncode == 0, found.stderr


# --- as the Extensions Manager installs it from a file ----------------------------------------------------------------


def builder() -> dict[str, Any]:
    """The names of the script that packs the extension."""
    return runpy.run_path(str(ROOT / "Resources" / "build_extension.py"))


def install_from_file(archive: Path, extensions: Path, within: str = "") -> tuple[Path, dict[str, str]]:
    """What Slicer does with an archive: the description file names the extension, the folder at the top takes that
    name (on macOS the folder within the bundle does), and the description in it is read."""
    with tarfile.open(archive) as tar:
        names = tar.getnames()
        tar.extractall(extensions / "unpacked", **({"filter": "data"} if sys.version_info >= (3, 12) else {}))
    (described,) = [name for name in names if name.endswith(".s4ext")]
    (top,) = {name.split("/")[0] for name in names}
    folder = extensions / Path(described).stem
    shutil.move(extensions / "unpacked" / top / within, folder)
    lines = (folder / "share" / "Slicer-5.12" / f"{folder.name}.s4ext").read_text(encoding="utf-8").splitlines()
    return folder, {key: value for key, _, value in (line.partition(" ") for line in lines)}


@pytest.fixture(scope="module")
def from_file(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """The folder of the extension that was installed from the archive, and what its description says."""
    folder = tmp_path_factory.mktemp("extension")
    command = [sys.executable, str(ROOT / "Resources" / "build_extension.py"), str(folder / "out")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (archive,) = (folder / "out").iterdir()
    assert str(archive) in done.stdout
    return install_from_file(archive, folder)


def test_the_archive_holds_what_slicers_own_packaging_would_ship(from_file: tuple[Path, dict[str, str]]) -> None:
    folder, said = from_file
    modules = folder / "lib" / "Slicer-5.12" / "qt-scripted-modules"
    there = {path.relative_to(modules).as_posix(): path for path in modules.rglob("*") if path.is_file()}
    assert there.keys() == shipped().keys()
    assert all(path.read_bytes() == shipped()[place].read_bytes() for place, path in there.items())
    assert folder.name == "SAMAdapt"
    assert said["category"] == "Segmentation"
    assert said["depends"] == "PyTorch"
    assert said["description"].startswith("Annotate a structure")


def test_the_module_that_was_installed_from_the_archive_opens(
    from_file: tuple[Path, dict[str, str]], tmp_path: Path
) -> None:
    modules = from_file[0] / "lib" / "Slicer-5.12" / "qt-scripted-modules"
    found = run_in_host(OPEN_THE_PANEL, str(modules), path=modules, SAMADAPT_HOME=str(tmp_path))
    assert found.returncode == 0, found.stderr
    assert found.stdout.split() == ["opened", "SAMAdapt"]


def test_the_same_tree_makes_the_same_archive_and_macos_has_the_folder_of_its_revision(tmp_path: Path) -> None:
    build = builder()["build"]
    (first, again) = (build(tmp_path / name, macos="34567") for name in ("a", "b"))
    assert first.read_bytes() == again.read_bytes()
    folder, said = install_from_file(first, tmp_path, "Slicer.app/Contents/Extensions-34567/SAMAdapt")
    assert (folder / "lib" / "Slicer-5.12" / "qt-scripted-modules" / "SAMAdapt.py").is_file()
    assert said["category"] == "Segmentation"


def test_a_version_that_slicer_cannot_have_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="2"):
        builder()["main"]([str(tmp_path), "--slicer", "5"])
    assert not list(tmp_path.iterdir())


# --- as a Python package ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def pip_installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what ``pip install .`` lays there, without the packages that it needs."""
    folder = tmp_path_factory.mktemp("pip")
    source = folder / "source"
    tracked = ("pyproject.toml", "README.md", "LICENSE", "SAMAdaptLib", "SAMAdapt/Resources/Heads")
    for name in tracked:
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copyfile
        copy(ROOT / name, source / name)
    build = "import setuptools.build_meta as b, sys; print(b.build_wheel(sys.argv[1]))"
    done = subprocess.run(
        [sys.executable, "-c", build, str(folder)], cwd=source, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    wheel = next(folder.glob("*.whl"))
    install = ["install", "--quiet", "--no-deps", "--no-index", "--disable-pip-version-check", "--prefix"]
    subprocess.run([sys.executable, "-m", "pip", *install, str(folder / "prefix"), str(wheel)], check=True)
    return folder / "prefix"


def test_pip_installs_every_file_of_the_library_and_the_starter_heads(pip_installed: Path) -> None:
    library = next(pip_installed.rglob("SAMAdaptLib"))
    ours = {path.relative_to(ROOT / "SAMAdaptLib") for path in (ROOT / "SAMAdaptLib").rglob("*.py")}
    assert {path.relative_to(library) for path in library.rglob("*.py")} == ours
    heads = {path.name for path in (pip_installed / "share" / "samadapt" / "heads").glob("*.samhead")}
    assert heads == {path.name for path in (ROOT / "SAMAdapt" / "Resources" / "Heads").glob("*.samhead")}


@pytest.mark.skipif(sys.platform == "win32", reason="the command is an .exe there")
def test_the_command_that_pip_installs_works_and_calls_itself_by_its_name(pip_installed: Path, tmp_path: Path) -> None:
    library = next(pip_installed.rglob("SAMAdaptLib")).parent
    environment = {**os.environ, "PYTHONPATH": str(library), "SAMADAPT_HOME": str(tmp_path)}
    command = [str(pip_installed / "bin" / "samadapt"), "train", "--help"]
    told = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, cwd=tmp_path)
    assert told.returncode == 0, told.stderr
    assert "usage: samadapt train" in told.stdout
    assert "samadapt train --case" in told.stdout
    assert "python -m" not in told.stdout


def test_what_pip_asks_for_admits_what_is_pinned() -> None:
    from packaging.requirements import Requirement

    if sys.version_info < (3, 11):
        pytest.skip("tomllib came with Python 3.11")
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [
        *project["dependencies"],
        *(name for names in project["optional-dependencies"].values() for name in names),
    ]
    pins = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "requirements").glob("*.txt"))
    for text in wanted:
        asked = Requirement(text)
        versions = re.findall(rf"^{re.escape(asked.name)}==([\w.]+)", pins, flags=re.M | re.I)
        assert versions, f"{asked.name} is not pinned in requirements/"
        assert all(asked.specifier.contains(version) for version in versions)
