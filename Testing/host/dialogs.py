"""Dialogs that would wait for a person: recorded, answered at once, never shown.

A test says beforehand what the next dialog of a kind is answered with; without that a question is agreed to
and a file dialog is left without a choice.
"""

from __future__ import annotations

import dataclasses
from collections import deque
from typing import Any

from PySide6 import QtWidgets

Button = QtWidgets.QMessageBox.StandardButton
_AGREED = (Button.Ok, Button.Yes, Button.YesToAll, Button.Save, Button.Open, Button.Retry, Button.Close, Button.Cancel)


@dataclasses.dataclass
class Message:
    """One dialog: what it said, and what it was answered."""

    kind: str
    text: str
    title: str = ""
    details: str = ""
    informative: str = ""
    buttons: tuple[str, ...] = ()
    answer: Any = None
    rawTitle: str = ""


messages: list[Message] = []
_answers: dict[str, deque[Any]] = {}


def answer(kind: str, value: Any) -> None:
    """The next dialog of that kind gets this answer: a button's name, a path, a text, ..."""
    _answers.setdefault(kind, deque()).append(value)


def forget() -> None:
    """Start anew: no messages, no answers."""
    messages.clear()
    _answers.clear()


def _next(kind: str, default: Any) -> Any:
    waiting = _answers.get(kind)
    return waiting.popleft() if waiting else default


def run(dialog: QtWidgets.QDialog) -> int:
    """Instead of `exec`: message boxes are answered, any other dialog is accepted."""
    if isinstance(dialog, QtWidgets.QMessageBox):
        return _message_box(dialog)
    if isinstance(dialog, QtWidgets.QInputDialog):
        text = input_dialog("getText", dialog.windowTitle(), dialog.labelText(), dialog.textValue())
        dialog.setTextValue(text or "")
        dialog.accept() if text else dialog.reject()
        return dialog.result()
    kind = type(dialog).__name__
    accepted = bool(_next(kind, True))
    messages.append(Message(kind, "", dialog.windowTitle(), answer=accepted))
    dialog.accept() if accepted else dialog.reject()
    return dialog.result()


def _message_box(box: QtWidgets.QMessageBox) -> int:
    icon = box.icon().name.lower()
    standard = [button for button in Button if button != Button.NoButton and box.standardButtons() & button]
    choice = next((button for button in _AGREED if button in standard), Button.NoButton)
    custom = [button.text() for button in box.buttons()]
    wanted = _next(icon, None)
    if wanted is not None:
        found = [button for button in box.buttons() if button.text().replace("&", "") == wanted]
        choice = getattr(Button, wanted, choice)
        if found:
            found[0].click()
            choice = box.standardButton(found[0])
    elif not standard and box.defaultButton():
        box.defaultButton().click()
    title, details, more = box.windowTitle().strip(), box.detailedText(), box.informativeText()
    raw = box.windowTitle()
    messages.append(Message(icon, box.text(), title, details, more, tuple(custom), choice.name, raw))
    return choice.value


def message(kind: str, title: str, text: str, buttons: Any = Button.Ok) -> Any:
    """Instead of QMessageBox's static functions."""
    box = QtWidgets.QMessageBox()
    box.setIcon(getattr(QtWidgets.QMessageBox.Icon, kind.capitalize()))
    box.setWindowTitle(title)
    box.setText(text)
    box.setStandardButtons(Button(int(buttons)) if not isinstance(buttons, Button) else buttons)
    return Button(_message_box(box))


def file_dialog(kind: str, title: str, *_rest: Any) -> Any:
    """Instead of QFileDialog's static functions: the path that the test prepared, else no choice."""
    path = _next(kind, [] if kind == "getOpenFileNames" else "")
    messages.append(Message(kind, title, title, answer=path))
    return path


def input_dialog(kind: str, title: str, label: str, default: Any) -> Any:
    """Instead of QInputDialog's static functions: PythonQt returns the value alone, or nothing when left."""
    value = _next(kind, default)
    messages.append(Message(kind, label, title, answer=value))
    return value
