"""What PythonQt wraps of Qt: the classes that `qt` has, and the names that PySide6 adds to them.

PySide6 is Qt 6 with a Python face; the application has Qt 5.15 (6.8 may come) with PythonQt's. A module
may use only what both have, so the names that came with Qt 6, and those that PySide6 made up, are refused.
"""

from __future__ import annotations

_CLASSES = """
    Qt QObject QWidget QAbstractButton QAbstractItemModel QAbstractItemView QAbstractItemDelegate QAbstractScrollArea
    QAbstractSlider QAbstractSpinBox QAction QActionGroup QApplication QBitmap QBoxLayout QBrush QBuffer QButtonGroup
    QByteArray QCheckBox QClipboard QCloseEvent QColor QColorDialog QComboBox QCompleter QConicalGradient
    QCoreApplication QCryptographicHash QCursor QDate QDateTime QDesktopServices QDialog QDialogButtonBox QDir
    QDirIterator QDockWidget QDoubleSpinBox QDoubleValidator QDrag QDragEnterEvent QDropEvent QElapsedTimer QEvent
    QEventLoop QFile QFileDialog QFileInfo QFocusEvent QFont QFontDatabase QFontInfo QFontMetrics QFormLayout QFrame
    QGraphicsScene QGraphicsView QGridLayout QGroupBox QGuiApplication QHBoxLayout QHeaderView QHideEvent QIODevice
    QIcon QImage QImageReader QInputDialog QIntValidator QItemSelection QItemSelectionModel QItemSelectionRange
    QKeyEvent QKeySequence QLCDNumber QLabel QLayout QLayoutItem QLine QLineEdit QLineF QLinearGradient QListView
    QListWidget QListWidgetItem QLocale QMainWindow QMargins QMenu QMenuBar QMessageBox QMimeData QModelIndex
    QMouseEvent QMovie QMutex QPaintEvent QPainter QPainterPath QPalette QPen QPersistentModelIndex QPixmap
    QPlainTextEdit QPoint QPointF QPolygon QPolygonF QProcess QProcessEnvironment QProgressBar QProgressDialog
    QPushButton QRadialGradient QRadioButton QRect QRectF QRegion QRegularExpression QRegularExpressionValidator
    QResizeEvent QScreen QScrollArea QScrollBar QSettings QShortcut QShowEvent QSignalBlocker QSize QSizeF QSizePolicy
    QSlider QSortFilterProxyModel QSpacerItem QSpinBox QSplitter QStackedLayout QStackedWidget QStandardItem
    QStandardItemModel QStandardPaths QStatusBar QStringListModel QStyle QStyleFactory QStyledItemDelegate QSysInfo
    QSystemTrayIcon QTabBar QTabWidget QTableView QTableWidget QTableWidgetItem QTableWidgetSelectionRange QTextBrowser
    QTextCharFormat QTextCursor QTextDocument QTextEdit QThread QTime QTimer QTimerEvent QToolBar QToolBox QToolButton
    QToolTip QTranslator QTransform QTreeView QTreeWidget QTreeWidgetItem QUiLoader QUrl
    QUrlQuery QVBoxLayout QValidator QWheelEvent QWidgetAction QWidgetItem QWindow
    """

CLASSES = frozenset(_CLASSES.split())
"""Classes that both PythonQt's Qt 5.15 wrappers and PySide6-Essentials have, and a widget may want."""

_ABSENT_EVERYWHERE = """
    staticMetaObject toTuple toPython clone swap emit connectNotify disconnectNotify receivers isQmlExposed
    isQuickItemType multiData clearItemData resolveInterface nativeInterface initViewItemOption print_ del_
    """

ABSENT_EVERYWHERE = frozenset(_ABSENT_EVERYWHERE.split())
"""Names of PySide6 that no class of PythonQt has."""

_ABSENT = """
    QAbstractItemDelegate: handleEditorEvent
    QAbstractItemModel: checkIndex
    QAbstractItemView: itemDelegateForIndex keyboardSearchFlags setKeyboardSearchFlags setUpdateThreshold
      updateThreshold
    QAbstractSpinBox: returnPressed
    QAction: associatedObjects checkableChanged enabledChanged resetEnabled visibleChanged
    QBitmap: fromData fromPixmap
    QByteArray: assign cbegin cend erase first fromRawData fromStdString isValidUtf8 last maxSize nullTerminate
      nullTerminated percentDecoded removeAt removeFirst removeLast resizeForOverwrite slice sliced toLong
      toLongLong toShort toStdString toUInt toULong toULongLong
    QCheckBox: checkStateChanged
    QColor: fromString getHsv getHsvF getRgb getRgbF isValidColorName
    QComboBox: labelDrawingMode setLabelDrawingMode
    QCoreApplication: checkPermission installNativeEventFilter instanceExists removeNativeEventFilter
      requestPermission shutdown
    QCryptographicHash: algorithm resultView supportsAlgorithm
    QDateTime: addDuration timeRepresentation
    QDialogButtonBox: standardButtonShortcut standardButtonText
    QDirIterator: nextFileInfo
    QDockWidget: dockLocation setDockLocation
    QDropEvent: buttons modifiers position
    QEvent: isInputEvent isPointerEvent isSinglePointEvent
    QFile: supportsMoveToTrash
    QFileInfo: fileTime isAlias isOther junctionTarget readSymLink stat
    QFont: clearFeatures clearVariableAxes featureTags featureValue isFeatureSet isVariableAxisSet legacyWeight
      resolveMask setFeature setLegacyWeight setResolveMask setVariableAxis unsetFeature unsetVariableAxis
      variableAxisTags variableAxisValue
    QFontDatabase: addApplicationEmojiFontFamily applicationEmojiFontFamilies removeApplicationEmojiFontFamily
      setApplicationEmojiFontFamilies
    QFontInfo: legacyWeight variableAxes
    QFontMetrics: boundingRectChar horizontalAdvanceChar
    QFormLayout: isRowVisible setRowVisible
    QGridLayout: getItemPosition
    QGuiApplication: platformFunction setBadgeNumber
    QHeaderView: initStyleOptionForIndex isSortIndicatorClearable setSortIndicatorClearable
      sortIndicatorClearableChanged
    QIODevice: readLineInto skipData
    QImage: bits colorTransformed constBits constScanLine convertedTo detachMetadata deviceIndependentSize flip
      flipped mirror rgbSwap scanLine setColorTable
    QImageReader: allocationLimit effectiveSize setAllocationLimit transformation
    QItemSelection: capacity constData data fromList insert maxSize remove resize resizeForOverwrite sliced
      squeeze toList
    QKeyEvent: keyCombination
    QLayout: getContentsMargins horizontalSizeConstraint setHorizontalSizeConstraint setSizeConstraints
      setVerticalSizeConstraint totalMinimumHeightForWidth unsetContentsMargins verticalSizeConstraint
    QLayoutItem: align
    QLine: toLineF
    QListWidget: setSupportedDragActions supportedDragActions
    QLocale: DefaultTwoDigitBaseYear codeToCountry codeToLanguage codeToScript codeToTerritory countryToCode
      formattedDataSize languageToCode nativeTerritoryName scriptToCode territory territoryToCode
      territoryToString
    QMargins: toMarginsF
    QMenu: menuInAction
    QMessageBox: buttonText options setButtonText setOption setOptions standardIcon testOption
    QModelIndex: constInternalPointer
    QPainter: brushOriginF drawPointsNp
    QPainterPath: isCachingEnabled setCachingEnabled trimmed
    QPalette: accent resolveMask setResolveMask
    QPersistentModelIndex: internalPointer
    QPixmap: deviceIndependentSize fromImageInPlace
    QPoint: toPointF
    QPolygon: back constData data fromVector front insert maxSize resizeForOverwrite sliced toPolygonF toVector
    QPolygonF: back constData data fromVector front insert maxSize resizeForOverwrite sliced toVector
    QProcess: failChildProcessModifier setUnixProcessParameters startCommand unixProcessParameters
    QProcessEnvironment: inheritsFromParent
    QRect: getCoords getRect span toRectF
    QRectF: getCoords getRect
    QRegularExpression: fromWildcard globalMatchView matchView
    QScrollBar: createStandardContextMenu
    QShortcut: keys setKeys
    QSignalBlocker: dismiss
    QSize: toSizeF
    QSortFilterProxyModel: autoAcceptChildRows autoAcceptChildRowsChanged beginFilterChange
      dataChangeRelevanceFlags endFilterChange invalidateColumnsFilter invalidateRowsFilter
      setAutoAcceptChildRows
    QSplitter: getRange
    QStackedLayout: widgetAdded
    QStackedWidget: widgetAdded
    QStyle: itemTextRect name
    QTableWidget: setSupportedDragActions supportedDragActions
    QTextCharFormat: baselineOffset fontFeatures fontVariableAxes setBaselineOffset setFontFeatures
      setFontVariableAxes setSubScriptBaseline setSuperScriptBaseline subScriptBaseline superScriptBaseline
    QTextCursor: insertMarkdown selectedTableCells
    QTextDocument: baselineOffset isLayoutEnabled setBaselineOffset setLayoutEnabled setSubScriptBaseline
      setSuperScriptBaseline subScriptBaseline superScriptBaseline
    QThread: isCurrentThread isMainThread serviceLevel setServiceLevel
    QTimer: id intervalAsDuration remainingTimeAsDuration
    QTimerEvent: id matches
    QTreeView: itemDecorationRect
    QTreeWidget: setSupportedDragActions supportedDragActions
    QWheelEvent: hasPixelDelta isBeginEvent isEndEvent isInverted isUpdateEvent
    QWidget: accessibleIdentifier create find internalWinId isTopLevel setAccessibleIdentifier setScreen
      topLevelWidget
    QWidgetItem: wid
    Qt: beginPropertyUpdateGroup endPropertyUpdateGroup
"""


def _read(text: str) -> dict[str, frozenset[str]]:
    """Lines "Class: name name", continued on lines that name no class."""
    found: dict[str, set[str]] = {}
    for line in text.strip().splitlines():
        head, colon, rest = line.partition(":")
        if colon:
            names = found.setdefault(head.strip(), set())
        names.update((rest if colon else line).split())
    return {name: frozenset(names) for name, names in found.items()}


ABSENT = _read(_ABSENT)
"""Class -> names that PySide6 has there and Qt 5.15 under PythonQt has not (derived classes inherit them)."""

METHODS_IN_QT5 = {"QLayout": {"contentsMargins"}, "QHeaderView": {"sectionsMovable", "sectionsClickable"}}
"""Class -> names that became properties with Qt 6 and are still to be called in Qt 5."""


def refused(native: type, name: str) -> bool:
    """Whether `name`, though PySide6 has it on the class `native`, is unknown to PythonQt."""
    if name.startswith("_") or name in ABSENT_EVERYWHERE:
        return True
    if "_" in name.rstrip("_"):
        return True
    return any(name in ABSENT.get(base.__name__, ()) for base in native.__mro__)


def is_property(native: type, name: str) -> bool:
    """Whether a property that Qt 6 has is one in Qt 5 too."""
    if any(name in METHODS_IN_QT5.get(base.__name__, ()) for base in native.__mro__):
        return False
    return not any(name in ABSENT.get(base.__name__, ()) for base in native.__mro__)
