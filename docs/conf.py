"""Settings of the documentation's site: ``python3 run.py docs`` builds it."""

from __future__ import annotations

project = "SAMAdapt"
author = "The SAMAdapt developers"
copyright = "2026, The SAMAdapt developers"
extensions = ["myst_parser"]
html_theme = "furo"
html_title = "SAMAdapt"
myst_heading_anchors = 3
exclude_patterns = ["build"]
suppress_warnings = ["myst.xref_missing"]  # links to files of the repository outside of the site
html_extra_path: list[str] = []
