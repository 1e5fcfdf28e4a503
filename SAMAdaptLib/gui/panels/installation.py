"""The panel Set-up: what is installed, which device is used, weights, and disk space."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from slicer.i18n import tr as _

from ...encoders.registry import ENTRIES, EncoderEntry
from ...encoders.weights.store import seems_here
from ...errors import SAMAdaptError
from ...jobs.specs import Job, ProbeJob, WeightsJob
from ...progress import Monitor
from ...utils.paths import home, place
from ...worker.folder import JobFolder
from .. import formatting as texts
from ..job_queue import JobRequest
from ..qt_background import QtBackgroundTask
from ..widgets import tables
from ..widgets.encoder_selector import shownEntries
from ..widgets.progress_bar import ProgressView
from .base import Presenter, Services
from .faster import FasterEncoder

_WEIGHTS_PATTERN = "Weights (*.pth *.pt *.whl *.onnx);;All files (*)"


class InstallationPresenter(Presenter):
    """Shows and runs the panel. ``changed`` is called when something was installed or fetched."""

    name = "installation"

    def __init__(self, ui: Any, services: Services, changed: Callable[[], None]) -> None:
        super().__init__(ui, services)
        self._changed = changed
        self._shown = False
        self._storage = QtBackgroundTask(self._showStorage)
        self.view = ProgressView(
            ui.fetchWeightsButton, ui.installationProgressFrame, ui.installationProgressBar, ui.installationStatusLabel
        )
        self.faster = FasterEncoder(ui.fasterButton, ui.fasterLabel, self, self._install)
        tables.setUp(ui.packagesTable, (_("Python package"), _("Version")))
        tables.setUp(ui.weightsTable, (_("Encoder"), _("Size"), _("State")))
        ui.setupFrame.visible = ui.deviceLabel.visible = False
        ui.weightsTable.connect("itemSelectionChanged()", self.refresh)
        ui.installationCollapsibleButton.connect("contentsCollapsed(bool)", self._onCollapsed)
        for button, slot in (
            (ui.setupButton, self._onSetup),
            (ui.installButton, self.onInstall),
            (ui.installSamButton, self.onInstallSam),
            (ui.checkDeviceButton, self.onCheckDevice),
            (ui.fetchWeightsButton, self.onFetch),
            (ui.importWeightsButton, self.onImport),
            (ui.clearCacheButton, self.onClear),
            (ui.showHomeButton, self._onShowHome),
            (ui.showLogButton, self._onShowLog),
        ):
            button.connect("clicked(bool)", slot)

    def close(self) -> None:
        self._storage.close()

    # State --------------------------------------------------------------------------------------------------------

    def refresh(self) -> None:
        """The banner at the top always; tables and disk space only while this panel is open."""
        missing = self.packages.missing()
        self.ui.setupFrame.visible = bool(missing)
        if missing:
            text = _("Not installed yet: {names}.").format(names=", ".join(missing))
            self.ui.setupLabel.setText(text)
        if self.ui.installationCollapsibleButton.collapsed:
            self._shown = False
            return
        if not self._shown:
            self._shown = True
            self._showPackages()
            self._showWeights()
            self._storage.start(folderSizes)
        self._showButtons(missing)

    def _showButtons(self, missing: list[str]) -> None:
        busy = self.busyProblem()
        _enable(self.ui.installButton, "" if missing else _("Everything is installed."), ", ".join(missing))
        sam = "" if self.packages.samMissing() else _("The package segment-anything is installed.")
        purpose = _("The package segment-anything, for SAM ViT encoders and AutoSAM models.")
        _enable(self.ui.installSamButton, sam, purpose)
        self.faster.refresh()
        _enable(self.ui.checkDeviceButton, busy, _("Start the worker and ask which device it will use."))
        _enable(
            self.ui.importWeightsButton,
            busy,
            _("Use a weight file, or a wheel that holds one, that is already on this computer."),
        )
        entry = self._selected()
        problem = _("Select an encoder in the table.") if entry is None else ""
        if entry is not None and seems_here(entry):
            problem = _("These weights are on this computer.")
        ready = ""
        if entry is not None and entry.sources:
            ready = _("Fetch {size} from {source}.").format(size=texts.size(entry.bytes), source=entry.sources[0])
        stop = _("Stop. What arrived is kept, and fetching goes on from there.")
        self.view.setButton(self.running, self.desk.cancelling, problem or busy, ready, stop)
        _enable(self.ui.clearCacheButton, busy, _("Delete kept features; they are computed again when needed."))

    def _selected(self) -> EncoderEntry | None:
        row = self.ui.weightsTable.currentRow()
        entries = shownEntries()
        return entries[row] if 0 <= row < len(entries) else None

    def _showPackages(self) -> None:
        rows = [
            [name, tables.text(version or _("not installed"), right=True)]
            for name, version in self.packages.versions().items()
        ]
        tables.fill(self.ui.packagesTable, rows)
        tables.fitHeight(self.ui.packagesTable)

    def _showWeights(self) -> None:
        row = max(self.ui.weightsTable.currentRow(), 0)
        tables.fill(self.ui.weightsTable, [_weightsCells(entry) for entry in shownEntries()])
        tables.fitHeight(self.ui.weightsTable)
        self.ui.weightsTable.selectRow(row)

    def _showStorage(self, sizes: dict[str, int]) -> None:
        text = _("Features {features}, weights {weights}, models {heads} in {folder}")
        shown = {name: texts.size(count) for name, count in sizes.items()}
        self.ui.storageLabel.setText(text.format(**shown, folder=home()))

    def _again(self) -> None:
        """Something changed on disk."""
        self._shown = False
        self._changed()

    def _onCollapsed(self, _collapsed: bool) -> None:
        self.refresh()

    def _onSetup(self, _checked: bool = False) -> None:
        self.ui.installationCollapsibleButton.collapsed = False
        self.onInstall()

    # Packages and device ------------------------------------------------------------------------------------------

    def onInstall(self, _checked: bool = False) -> None:
        """Install what is missing; Slicer's own dialogs ask and show progress."""
        self._install(self.packages.install)

    def onInstallSam(self, _checked: bool = False) -> None:
        """Install what SAM ViT encoders need besides."""
        self._install(self.packages.installSam)

    def _install(self, act: Callable[[], None]) -> bool:
        """Whether it could be installed; what went wrong is said in the panel."""
        installed = False
        try:
            act()
        except SAMAdaptError as error:
            self.fail(error)
        except Exception as error:  # pip's or an extension's own
            self.application.showError(_("The installation failed."), str(error))
        else:
            installed = True
            self.view.end("")
        self.packages.forget()
        self._again()
        return installed

    def onCheckDevice(self, _checked: bool = False) -> None:
        """Ask the worker what it will compute on."""

        def prepare(_folder: JobFolder, _monitor: Monitor) -> Job:
            return ProbeJob(measure=False)

        def done(result: dict[str, Any], _nothing: Any) -> None:
            self.view.end("")
            self.ui.deviceLabel.setText(deviceText(result))
            self.ui.deviceLabel.visible = True

        self.start(JobRequest(self.name, prepare, progress=self.onProgress, done=done, failed=self.fail))

    # Weights ------------------------------------------------------------------------------------------------------

    def onFetch(self, _checked: bool = False) -> None:
        """Fetch the selected encoder's weights, or Cancel."""
        entry = self._selected()
        if self.running:
            self.desk.cancel()
        elif entry is not None and not seems_here(entry):
            self._weights(WeightsJob(encoder=entry.name))

    def onImport(self, _checked: bool = False) -> None:
        """Copy a weight file that the user has into the cache; it is known by its hash."""
        path = self.application.askOpenFile(_("Import weights"), _WEIGHTS_PATTERN)
        if path:
            self._weights(WeightsJob(file=path))

    def _weights(self, job: WeightsJob) -> None:
        def done(result: dict[str, Any], _nothing: Any) -> None:
            title = ENTRIES[result["encoder"]].title if result["encoder"] in ENTRIES else result["encoder"]
            self.view.end(_("{title}: on this computer now.").format(title=title))
            self._again()

        def failed(error: SAMAdaptError) -> None:
            self.fail(error)
            self._again()

        self.start(
            JobRequest(self.name, lambda _folder, _monitor: job, progress=self.onProgress, done=done, failed=failed)
        )

    # Storage ------------------------------------------------------------------------------------------------------

    def onClear(self, _checked: bool = False) -> None:
        """Delete the kept features, in a thread."""

        def prepare(_folder: JobFolder, _monitor: Monitor) -> None:
            from ...features.cache import FeatureCache

            FeatureCache().clear()

        def done(_result: dict[str, Any], _nothing: Any) -> None:
            self.view.end(_("The feature cache is empty."))
            self._again()

        self.start(JobRequest(self.name, prepare, done=done, failed=self.fail))

    def _onShowHome(self, _checked: bool = False) -> None:
        self.application.openPath(home())

    def _onShowLog(self, _checked: bool = False) -> None:
        """The newest log, else the folder."""
        logs = sorted((home() / "logs").glob("worker-*.log"), key=lambda path: path.name)
        self.application.openPath(logs[-1] if logs else home())


def folderSizes() -> dict[str, int]:
    """Bytes of what is stored, by kind. There may be thousands of files."""
    return {name: folderSize(place(name)) for name in ("features", "weights", "heads")}


def folderSize(path: Path) -> int:
    """Bytes of all files below a folder; 0 when there is none."""
    total = 0
    for item in path.rglob("*"):
        try:
            total += item.stat().st_size if item.is_file() else 0
        except OSError:
            continue  # deleted meanwhile, by another process
    return total


def _weightsCells(entry: EncoderEntry) -> list[Any]:
    tip = _("{title}. Licence: {licence}.").format(title=entry.title, licence=entry.licence)
    here = _("here") if seems_here(entry) else _("to fetch")
    name = entry.title.partition(":")[0].partition(",")[0]
    return [tables.text(name, tip), tables.text(texts.size(entry.bytes), right=True), here]


def deviceText(result: dict[str, Any]) -> str:
    """What the worker found, in words."""
    names = {row["device"]: row["name"] for row in result["devices"]}
    used = result["recommended"]["device"]
    cores = result["processor"]["cores"]
    text = _("Automatic means: {device} ({name}).").format(device=used, name=names.get(used) or "")
    return text if used != "cpu" else text + " " + _("{count} cores are available.").format(count=cores)


def _enable(button: Any, problem: str, ready: str) -> None:
    button.enabled = not problem
    button.toolTip = problem or ready
