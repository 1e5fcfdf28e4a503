"""CTK's two boxes that fold: what is inside disappears, and comes back as it was."""

from __future__ import annotations

from PySide6 import QtCore, QtGui, QtWidgets
from PySide6.QtCore import Property, Qt, Signal

_WISH = "visibilityToParent"
"""CTK's own name of the dynamic property in which a child keeps whether it wants to be seen when unfolded."""


class _Folds:
    """Children are hidden while the box is shut; what is shown or hidden meanwhile is remembered, not done."""

    _forcing = False

    def childEvent(self, event: QtCore.QChildEvent) -> None:
        super().childEvent(event)  # type: ignore[misc]
        # a child that is only added is not yet whole: PySide6 would take it for a plain QWidget for good
        if event.polished() and isinstance(event.child(), QtWidgets.QWidget):
            self._adopt(event.child())
            if self._isShut():  # type: ignore[attr-defined]
                self._place(event.child())

    def eventFilter(self, child: QtCore.QObject, event: QtCore.QEvent) -> bool:
        if not self._forcing and isinstance(child, QtWidgets.QWidget) and child.parent() is self:
            if event.type() == QtCore.QEvent.Type.ShowToParent:
                child.setProperty(_WISH, True)
                self._place(child)
            elif event.type() == QtCore.QEvent.Type.HideToParent:
                child.setProperty(_WISH, False)
        return False

    def setVisible(self, visible: bool) -> None:
        forcing, self._forcing = self._forcing, True
        super().setVisible(visible)  # type: ignore[misc]
        self._forcing = forcing

    def _adopt(self, child: QtWidgets.QWidget) -> None:
        if child.property(_WISH) is None:
            explicit = child.testAttribute(QtCore.Qt.WidgetAttribute.WA_WState_ExplicitShowHide)
            child.setProperty(_WISH, not (explicit and child.isHidden()))
            child.installEventFilter(self)  # type: ignore[arg-type]

    def _place(self, child: QtWidgets.QWidget) -> None:
        """Show or hide one child as the box's state and the child's wish say."""
        self._forcing = True
        wish = bool(child.property(_WISH))
        child.setVisible(wish and not self._isShut())  # type: ignore[attr-defined]
        if wish:  # else Qt would take a later explicit hide for one that was already done
            child.setAttribute(QtCore.Qt.WidgetAttribute.WA_WState_ExplicitShowHide, False)
        self._forcing = False

    def _placeAll(self) -> None:
        for child in self.children():  # type: ignore[attr-defined]
            if isinstance(child, QtWidgets.QWidget):
                self._adopt(child)
                self._place(child)


class ctkCollapsibleButton(_Folds, QtWidgets.QAbstractButton):
    """A header that shows or hides what is under it."""

    _cpp = ()
    contentsCollapsed = Signal(bool)

    def __init__(self, text: str | QtWidgets.QWidget | None = None, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent if isinstance(text, str) or text is None else text)
        self._collapsed, self._height, self._isFlat = False, 10, False
        self.setText(text if isinstance(text, str) else "")
        self.setCheckable(True)
        self.setChecked(True)
        self.setSizePolicy(QtWidgets.QSizePolicy.Policy.Preferred, QtWidgets.QSizePolicy.Policy.Preferred)
        self.toggled.connect(lambda on: self._setCollapsed(not on))
        self.setContentsMargins(0, self._header(), 0, 0)

    def _header(self) -> int:
        return self.fontMetrics().height() + 10

    def _setCollapsed(self, collapsed: bool) -> None:
        if collapsed == self._collapsed:
            return
        self._collapsed = collapsed
        self._placeAll()
        self.setMaximumHeight(self._header() + self._height if collapsed else 16777215)
        self.updateGeometry()
        self.setChecked(not collapsed)
        self.contentsCollapsed.emit(collapsed)

    def _isShut(self) -> bool:
        return self._collapsed

    def _setCollapsedHeight(self, height: int) -> None:
        self._height = height

    def _setFlat(self, flat: bool) -> None:
        self._isFlat = flat

    collapsed = Property(bool, _isShut, _setCollapsed, notify=contentsCollapsed)
    collapsedHeight = Property(int, lambda self: self._height, _setCollapsedHeight)
    flat = Property(bool, lambda self: self._isFlat, _setFlat)

    def sizeHint(self) -> QtCore.QSize:
        size = self.layout().sizeHint() if self.layout() and not self._collapsed else QtCore.QSize(60, self._header())
        return size.expandedTo(QtCore.QSize(self.fontMetrics().horizontalAdvance(self.text()) + 40, self._header()))

    minimumSizeHint = sizeHint

    def hitButton(self, pos: QtCore.QPoint) -> bool:
        return pos.y() < self._header()

    def paintEvent(self, _event: QtGui.QPaintEvent) -> None:
        painter = QtWidgets.QStylePainter(self)
        option = QtWidgets.QStyleOptionButton()
        option.initFrom(self)
        option.rect = QtCore.QRect(0, 0, self.width(), self._header() - 2)
        option.state |= QtWidgets.QStyle.StateFlag.State_Raised
        painter.drawControl(QtWidgets.QStyle.ControlElement.CE_PushButtonBevel, option)
        arrow = QtWidgets.QStyleOption()
        arrow.initFrom(self)
        arrow.rect = QtCore.QRect(4, 4, self._header() - 10, self._header() - 10)
        primitive = QtWidgets.QStyle.PrimitiveElement
        painter.drawPrimitive(
            primitive.PE_IndicatorArrowRight if self._collapsed else primitive.PE_IndicatorArrowDown, arrow
        )
        painter.drawText(option.rect.adjusted(self._header(), 0, 0, 0), Qt.AlignmentFlag.AlignVCenter, self.text())


class ctkCollapsibleGroupBox(_Folds, QtWidgets.QGroupBox):
    """A checkable group box that hides its contents."""

    _cpp = ()

    def __init__(self, title: str | QtWidgets.QWidget | None = None, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent if isinstance(title, str) or title is None else title)
        self._height, self._shut = 14, False
        self.setTitle(title if isinstance(title, str) else "")
        self.setCheckable(True)
        self.toggled.connect(self._expand)

    def _expand(self, expanded: bool) -> None:
        if expanded != self._shut:
            return
        self._shut = not expanded
        self._placeAll()
        self.setMaximumHeight(16777215 if expanded else self._height + self.fontMetrics().height())

    def _setCollapsed(self, collapse: bool) -> None:
        self.setChecked(not collapse)

    def _isShut(self) -> bool:
        return self._shut

    def _setCollapsedHeight(self, height: int) -> None:
        self._height = height

    def minimumSizeHint(self) -> QtCore.QSize:
        hint = super().minimumSizeHint()
        return QtCore.QSize(hint.width(), self._height) if self._shut else hint

    collapsed = Property(bool, lambda self: not self.isChecked(), _setCollapsed)
    collapsedHeight = Property(int, lambda self: self._height, _setCollapsedHeight)
