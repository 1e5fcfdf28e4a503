"""The look of the HTML page: one style sheet, light and dark."""

from __future__ import annotations

CSS = """
:root {
  color-scheme: light dark;
  --page: #f4f6f9; --card: #ffffff; --ink: #17202e; --muted: #5d6b7e; --line: #e3e8ef;
  --accent: #0f8b8d; --soft: #e2f2f2; --track: #e9eef3; --shadow: 0 1px 2px #1018280a, 0 8px 24px #1018280d;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #0d121b; --card: #161d29; --ink: #e8edf4; --muted: #93a1b5; --line: #263042;
    --accent: #41c7c7; --soft: #12333a; --track: #232d3e; --shadow: none;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; background: var(--page); color: var(--ink);
  font: 16px/1.55 ui-sans-serif, system-ui, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif;
  -webkit-font-smoothing: antialiased;
}
main { max-width: 1040px; margin: 0 auto; padding: 56px 24px 40px; }
header { margin-bottom: 28px; }
.mark {
  display: inline-flex; align-items: center; gap: 9px; color: var(--accent); font-size: 13px; font-weight: 650;
  letter-spacing: .06em; text-transform: uppercase;
}
.mark svg { width: 20px; height: 20px; }
h1 { margin: 10px 0 6px; font-size: clamp(26px, 4.2vw, 38px); line-height: 1.15; letter-spacing: -.022em; }
h2 { margin: 0 0 4px; font-size: 19px; letter-spacing: -.01em; }
p { margin: 0 0 10px; }
.quiet { color: var(--muted); }
.warning { border-left: 4px solid #c77d0a; padding: 6px 12px; margin: 8px 0; background: #c77d0a1a; }
header .quiet { font-size: 17px; max-width: 68ch; }
section {
  background: var(--card); border: 1px solid var(--line); border-radius: 16px; padding: 24px; margin: 20px 0;
  box-shadow: var(--shadow);
}
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: 14px; margin: 26px 0; }
.tile { background: var(--card); border: 1px solid var(--line); border-radius: 14px; padding: 16px 18px;
  box-shadow: var(--shadow); }
.tile b { display: block; font-size: 28px; line-height: 1.2; letter-spacing: -.02em;
  font-variant-numeric: tabular-nums; }
.tile b small { font-size: 15px; font-weight: 500; color: var(--muted); letter-spacing: 0; }
.tile span { color: var(--muted); font-size: 13.5px; }
.scroll { overflow-x: auto; margin: 14px -4px 0; padding: 0 4px; }
table { border-collapse: collapse; width: 100%; font-size: 14.5px; font-variant-numeric: tabular-nums; }
th { color: var(--muted); font-weight: 550; font-size: 13px; text-align: right; padding: 8px 12px;
  white-space: nowrap; }
td { border-top: 1px solid var(--line); padding: 10px 12px; text-align: right; white-space: nowrap; }
th:first-child, td:first-child { text-align: left; padding-left: 0; }
th:last-child, td:last-child { padding-right: 0; }
td:first-child { white-space: normal; min-width: 130px; }
tr.mean td { font-weight: 650; border-top: 2px solid var(--line); }
.chip { display: inline-block; width: 12px; height: 12px; border-radius: 4px; margin-right: 10px;
  vertical-align: -1px; }
.bar { display: inline-block; width: 92px; height: 7px; border-radius: 4px; background: var(--track);
  margin-right: 10px; vertical-align: 1px; overflow: hidden; }
.bar i { display: block; height: 100%; border-radius: 4px; }
.tag { font-size: 12px; color: var(--muted); border: 1px solid var(--line); border-radius: 999px;
  padding: 1px 8px; margin-left: 8px; }
figure { margin: 18px 0 0; }
figure img { display: block; max-width: 100%; height: auto; margin: 0 auto; border-radius: 12px; }
figure.scan { background: #0b0f16; border-radius: 14px; padding: 6px; }
figcaption { color: var(--muted); font-size: 13.5px; margin-top: 8px; text-align: center; }
dl { display: grid; grid-template-columns: repeat(auto-fill, minmax(210px, 1fr)); gap: 16px 24px; margin: 16px 0 0; }
dt { color: var(--muted); font-size: 13px; }
dd { margin: 1px 0 0; font-weight: 550; overflow-wrap: anywhere; }
pre {
  margin: 12px 0 0; padding: 14px 16px; background: var(--soft); border-radius: 10px; overflow-x: auto;
  font: 13.5px/1.6 ui-monospace, "SF Mono", "Cascadia Mono", Menlo, Consolas, monospace; user-select: all;
}
ul { margin: 10px 0 0; padding-left: 20px; }
details { margin-top: 14px; color: var(--muted); font-size: 14px; }
summary { cursor: pointer; }
footer { color: var(--muted); font-size: 13px; margin: 28px 2px 0; }
@media (max-width: 640px) { main { padding: 32px 14px; } section { padding: 18px 16px; } .bar { display: none; } }
@media print { section, .tile { box-shadow: none; break-inside: avoid; } body { background: #fff; } }
"""

MARK = (
    '<svg viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="1.8" aria-hidden="true">'
    '<path d="M4 8V5.5A1.5 1.5 0 0 1 5.5 4H8M16 4h2.5A1.5 1.5 0 0 1 20 5.5V8M20 16v2.5a1.5 1.5 0 0 1-1.5 1.5H16'
    'M8 20H5.5A1.5 1.5 0 0 1 4 18.5V16"/>'
    '<path d="M12 7.2c3.2-.6 5.2 1.6 4.9 4.6-.3 3-2.3 5.2-5 5-2.8-.1-4.9-2-4.8-4.8.1-2.6 2.200-4.300 4.900-4.800z"'
    ' fill="currentColor" fill-opacity=".25"/></svg>'
)
"""The scan's corners around a segmented structure."""
