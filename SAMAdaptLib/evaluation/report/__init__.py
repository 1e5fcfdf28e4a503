"""What people look at: pictures of segmentations, curves, tables, one HTML page.

    overlay      a volume with its segmentation, three slices: image, result, reference
    charts       training curves, Dice of a benchmark
    tables       scores as text for a terminal and as HTML
    page         everything about a run as one self-contained HTML file
    recorder     a monitor that remembers curves

matplotlib is an optional package: it is imported when a picture is drawn, and not before.
"""

from __future__ import annotations

from .charts import benchmark_figure, curve_figure
from .overlay import overlay_figure
from .page import CaseReport, Page, write_page
from .recorder import CurveRecorder
from .tables import benchmark_table, score_table
from .theme import png, write_png

__all__ = [
    "CaseReport",
    "CurveRecorder",
    "Page",
    "benchmark_figure",
    "benchmark_table",
    "curve_figure",
    "overlay_figure",
    "png",
    "score_table",
    "write_page",
    "write_png",
]
