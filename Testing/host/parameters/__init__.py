"""`slicer.parameterNodeWrapper`: typed members over a vtkMRMLScriptedModuleNode, bound to widgets by name.

It writes into the node exactly what the application writes (enums by name, "True"/"False", `name.len` and
`name.0` for lists, `name.member` for packs, node references), so a scene saved with one opens in the other.
Unlike there: no tuples, dictionaries, unions, colours and ranges; a member of such a type is refused.
"""

from .binding import SlicerParameterNamePropertyName, findChildWidgetForParameter
from .checks import (
    Choice,
    Decimals,
    Default,
    Exclude,
    IsInstance,
    Maximum,
    Minimum,
    NotNone,
    SingleStep,
    Validator,
    WithinRange,
)
from .packs import isParameterPack, parameterPack
from .wrapper import isParameterNodeWrapper, parameterNodeWrapper

__all__ = [
    "Choice",
    "Decimals",
    "Default",
    "Exclude",
    "IsInstance",
    "Maximum",
    "Minimum",
    "NotNone",
    "SingleStep",
    "SlicerParameterNamePropertyName",
    "Validator",
    "WithinRange",
    "findChildWidgetForParameter",
    "isParameterNodeWrapper",
    "isParameterPack",
    "parameterNodeWrapper",
    "parameterPack",
]
