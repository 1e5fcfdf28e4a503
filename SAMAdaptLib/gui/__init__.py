"""What the widget shows: one presenter a panel, their state, and the thread between them and the worker.

The only room of the library that imports qt. It holds no mathematics: what is computed is computed by jobs, what
enters the scene enters through ``SAMAdaptLib.mrml``. Presenters get what they need handed to their constructor
(``protocols``), so that tests drive them with stand-ins.
"""
