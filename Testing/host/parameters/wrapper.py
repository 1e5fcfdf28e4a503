"""The class decorator: members of the class become typed views of the parameter node."""

from __future__ import annotations

import typing
from collections.abc import Callable
from typing import Any

import qt
import slicer
import vtk

from . import checks
from .binding import SlicerParameterNamePropertyName, connector_for
from .storing import Store, store_for


def isParameterNodeWrapper(thing: Any) -> bool:
    """Whether a class or an instance is one."""
    return bool(getattr(thing, "_is_parameter_node_wrapper", False))


def parameterNodeWrapper(cls: type | None = None) -> Any:
    """Class decorator."""
    return _process(cls) if cls is not None else _process


class Member:
    """One member: its store, its default, its declared type."""

    def __init__(self, owner: type, name: str, kind: Any) -> None:
        try:
            self.store: Store = store_for(kind)
        except Exception as error:
            msg = f"Unable to create serializer for {owner} member {name}"
            raise Exception(msg) from error
        note = checks.first(checks.take_apart(kind)[1], checks.Default)
        self.unalteredType, self.basename = kind, name
        value = getattr(owner, name) if hasattr(owner, name) else None
        self.default = checks.Default(value) if hasattr(owner, name) else note or checks.Default(self.store.default())


def _process(cls: Any) -> Any:
    members = {name: Member(cls, name, kind) for name, kind in typing.get_type_hints(cls, include_extras=True).items()}
    for name in members:
        setattr(cls, name, _property(name))
    methods: dict[str, Any] = {
        "allParameters": members,
        "_is_parameter_node_wrapper": True,
        "dataType": staticmethod(lambda name: members[_known(members, name)].unalteredType),
        **{method.__name__.lstrip("_"): method for method in _METHODS},
    }
    for name, value in methods.items():
        if hasattr(cls, name):
            msg = f"Cannot use reserved name '{name}' in a parameterNodeWrapper"
            raise ValueError(msg)
        setattr(cls, name, value)
    cls.__init__ = _init
    return cls


def _known(members: dict[str, Member], name: str) -> str:
    if name not in members:
        found = "".join(f"\n    {known}," for known in members)
        msg = f"Cannot find a param with the given name: {name}\n  Found parameters [{found}\n  ]"
        raise ValueError(msg)
    return name


def _property(name: str) -> property:
    def read(self: Any) -> Any:
        return self.allParameters[name].store.read(self.parameterNode, name)

    def write(self: Any, value: Any) -> None:
        with slicer.util.NodeModify(self.parameterNode):
            self.allParameters[name].store.write(self.parameterNode, name, value)

    return property(read, write)


def _init(self: Any, parameterNode: Any, prefix: str | None = None) -> None:
    if prefix:
        msg = "the host knows no prefix"
        raise NotImplementedError(msg)
    self.parameterNode = parameterNode
    self._guis, self._nextGui, self._updating = {}, 0, False
    for name, member in self.allParameters.items():
        if not member.store.isIn(parameterNode, name):
            member.store.write(parameterNode, name, member.default.value)


def _default(self: Any, name: str) -> Any:
    return self.allParameters[_known(self.allParameters, name)].default


def _isCached(self: Any, name: str) -> bool:
    return self.allParameters[_known(self.allParameters, name)].store.cached


def _getValue(self: Any, name: str) -> Any:
    top, _, rest = name.partition(".")
    value = getattr(self, _known(self.allParameters, top))
    return value.getValue(rest) if rest else value


def _setValue(self: Any, name: str, value: Any) -> None:
    top, _, rest = name.partition(".")
    _known(self.allParameters, top)
    if rest:
        getattr(self, top).setValue(rest, value)
    else:
        setattr(self, top, value)


def _connectGui(self: Any, gui: Any) -> int:
    """Bind every widget under `gui` (a widget, or the object that childWidgetVariables returns) that names one."""
    inside = getattr(gui, "isWidgetType", lambda: False)()
    widgets = gui.findChildren(qt.QWidget) if inside else list(vars(gui).values())
    named = {item.property(SlicerParameterNamePropertyName): item for item in widgets}
    return int(self.connectParametersToGui({name: item for name, item in named.items() if name}))


def _connectParametersToGui(self: Any, mapping: dict[str, Any]) -> int:
    for name in mapping:
        _known(self.allParameters, name.split(".")[0])
    connectors = {name: connector_for(item, self.dataType(name)) for name, item in mapping.items()}
    for name, connector in connectors.items():
        connector.write(self.getValue(name))
        connector.onChanged(_to_parameter(self, name, connector))
    observer = self.AddObserver(vtk.vtkCommand.ModifiedEvent, lambda *_: _to_gui(self))
    tag = self._nextGui
    self._nextGui += 1
    self._guis[tag] = (connectors, observer)
    return int(tag)


def _to_parameter(self: Any, name: str, connector: Any) -> Callable[[], None]:
    def changed() -> None:
        if not self._updating:
            with slicer.util.NodeModify(self):
                self.setValue(name, connector.read())

    return changed


def _to_gui(self: Any) -> None:
    if self._updating:
        return
    self._updating = True
    try:
        for connectors, _ in list(self._guis.values()):
            for name, connector in connectors.items():
                connector.write(self.getValue(name))
    finally:
        self._updating = False


def _disconnectGui(self: Any, tag: int) -> None:
    if tag in self._guis:
        connectors, observer = self._guis.pop(tag)
        for connector in connectors.values():
            connector.onChanged(None)
        self.RemoveObserver(observer)


def _StartModify(self: Any) -> Any:
    return self.parameterNode.StartModify()


def _EndModify(self: Any, wasModified: Any) -> None:
    self.parameterNode.EndModify(wasModified)


def _AddObserver(self: Any, event: Any, callback: Any, priority: float = 0.0) -> Any:
    return self.parameterNode.AddObserver(event, callback, priority)


def _RemoveObserver(self: Any, tag: Any) -> None:
    self.parameterNode.RemoveObserver(tag)


def _Modified(self: Any) -> None:
    self.parameterNode.Modified()


_METHODS = (
    _default,
    _isCached,
    _getValue,
    _setValue,
    _connectGui,
    _connectParametersToGui,
    _disconnectGui,
    _StartModify,
    _EndModify,
    _AddObserver,
    _RemoveObserver,
    _Modified,
)
