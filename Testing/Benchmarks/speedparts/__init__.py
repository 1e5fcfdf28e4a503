"""The parts of ``speed.py``: each measures one promise and gives rows of a table."""
