"""Which structure of one labelling is which of another: by name, else by terminology, and by label value where one of
the two has no names. The one place where that is decided.

    matched(Labelling("a.seg.nrrd", ours), Labelling("b.seg.nrrd", theirs)).values   # {value in b: value in a}

Label values of a plain file mean something and names are missing; in a segmentation names mean something and values are
often given by the program. What cannot be told, or says two things at once, is refused: with the files, the values and
the names.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from ..errors import InputError
from .structure import LARGEST_VALUE, Structure, default_structure

_GENERIC_TYPES = frozenset({"SCT^85756007", "SCT^123037004", "SRT^T-D0050", "SRT^T-D000A", "DCM^130488"})
"""Codes of types that say next to nothing: tissue, anatomical structure."""

RENAME = "Give the structure one name in all files (Segment Editor), or export plain label files, which go by value."


@dataclass(frozen=True)
class Labelling:
    """The structures of one file, head or node, and what to call it in an error.

    ``by_name``: its label values mean nothing, as those of segments in a scene. ``origins``: by label value, where a
    structure comes from, if not from the whole.
    """

    name: str
    structures: tuple[Structure, ...] = ()
    by_name: bool = False
    origins: Mapping[int, str] = field(default_factory=dict)

    def where(self, structure: Structure) -> str:
        """What to call the place that a structure comes from."""
        return self.origins.get(structure.value, self.name)

    def joined(self, other: Labelling, match: Matched) -> Labelling:
        """The common labelling of this one and ``other``."""
        known = {item.value for item in self.structures}
        new = {value: other.name for value in match.values.values() if value not in known}
        old = {value: self.origins.get(value, self.name) for value in known}
        return replace(self, structures=match.structures, by_name=self.by_name or other.by_name, origins={**old, **new})

    @property
    def has_names(self) -> bool:
        """Whether any structure has a name of its own."""
        return any(is_named(structure) for structure in self.structures)


@dataclass(frozen=True)
class Matched:
    """``values``: for each label value of the other labelling, the value in the common one. ``structures``: the common
    labelling: those of the base, with names of the other where it had none, then what only the other has."""

    values: dict[int, int] = field(default_factory=dict)
    structures: tuple[Structure, ...] = ()

    @property
    def same_values(self) -> bool:
        """Whether nothing has to be renumbered."""
        return all(mine == theirs for mine, theirs in self.values.items())


def is_named(structure: Structure) -> bool:
    """Whether somebody gave it a name."""
    return structure.name != default_structure(structure.value).name


def name_key(name: str) -> str:
    """What two spellings of one name have in common: neither case nor spacing counts, nor how accents are written."""
    return " ".join(unicodedata.normalize("NFKC", name).casefold().replace("_", " ").split())


def terminology_key(structure: Structure) -> str:
    """The codes of a terminology entry; empty where there is none, or one that fits nearly everything.

    An entry is context, category, type, type modifier, anatomic context, region, region modifier; each of the codes is
    ``scheme^value^meaning``, of which the meaning is for people.
    """
    parts = structure.terminology.split("~")
    codes = ["^".join(part.split("^")[:2]) for part in parts]
    if len(codes) < 3 or codes[2] in ("", "^") or (codes[2] in _GENERIC_TYPES and not any(_told(codes[5:7]))):
        return ""
    return "~".join([*codes[2:4], *codes[5:7]])


def contradict(one: Structure, other: Structure) -> bool:
    """Whether the terminology of two structures says that they are two: codes of one scheme that differ."""
    pairs = zip(_codes(one), _codes(other), strict=False)
    return any(
        mine[0] == theirs[0] and mine[1] != theirs[1] for mine, theirs in pairs if mine[1] and theirs[1]
    ) and bool(terminology_key(one) and terminology_key(other))


def _codes(structure: Structure) -> list[tuple[str, str]]:
    """Scheme and value of type, type modifier, region and region modifier; empty texts where there is none."""
    parts = [part.split("^") for part in structure.terminology.split("~")]
    return [(part[0], part[1]) if len(part) > 1 else ("", "") for part in [*parts[2:4], *parts[5:7]]]


def _told(codes: Sequence[str]) -> list[str]:
    return [code for code in codes if code.strip("^")]


def matched(base: Labelling, other: Labelling, taken: Collection[int] = (), remedy: str = RENAME) -> Matched:
    """Which structure of ``other`` is which of ``base``.

    ``taken``: further values that new structures must not get. Raises InputError, ending in ``remedy``, for a
    contradiction: two structures of one name in a labelling, a name with two terminologies, a value with two names of
    which neither is in the other labelling.
    """
    return _Matching(base, other, taken, remedy).done()


class _Matching:
    """Two labellings on the way to one."""

    def __init__(self, base: Labelling, other: Labelling, taken: Collection[int], remedy: str) -> None:
        self.base, self.other, self.taken, self.remedy = base, other, taken, remedy
        self.by_value = {item.value: item for item in base.structures}
        self.pairs: dict[int, Structure] = {}

    def done(self) -> Matched:
        open_ones = list(self.other.structures)
        if self.base.has_names and self.other.has_names:
            names = self._named(self.base), self._named(self.other)
            open_ones = [item for item in open_ones if not self._by_name(item, names[0])]
            open_ones = [item for item in open_ones if not self._by_terminology(item, open_ones)]
        open_ones = [item for item in open_ones if not self._by_number(item)]
        return self._with_new(open_ones)

    def _pair(self, item: Structure, found: Structure) -> bool:
        twin = next((value for value, mine in self.pairs.items() if mine.value == found.value), None)
        if twin is not None:
            names = {each.value: each.name for each in self.other.structures}
            twins = f"{twin} ({names[twin]!r}) and {item.value} ({item.name!r})"
            known = f"{found.name!r} (label value {found.value}) of {self.base.where(found)}"
            msg = f"The label values {twins} of {self.other.name} would both be {known}."
            raise InputError(msg, self.remedy)
        self.pairs[item.value] = found
        return True

    def _named(self, labelling: Labelling) -> dict[str, Structure]:
        """Named structures by name. Raises InputError for two of one name."""
        named = [item for item in labelling.structures if is_named(item)]
        exact = len({name_key(item.name) for item in named}) < len(named)  # "LV" and "lv" may be two, for who wants it
        found: dict[str, Structure] = {}
        for item in named:
            key = item.name if exact else name_key(item.name)
            if key in found:
                msg = f"{labelling.name} has two structures called {item.name!r}: {found[key].value} and {item.value}."
                raise InputError(msg, "Give each structure a name of its own.")
            found[key] = item
        return found

    def _by_name(self, item: Structure, names: Mapping[str, Structure]) -> bool:
        if not is_named(item):
            return False
        found = names.get(item.name) or names.get(name_key(item.name))
        if found is None:
            return False
        if contradict(found, item):
            msg = (
                f"{item.name!r} is one thing in {self.base.where(found)} "
                f"(label value {found.value}, {_meaning(found)}) and "
                f"another in {self.other.name} (label value {item.value}, {_meaning(item)})."
            )
            raise InputError(msg, "Give them names of their own, or the same terminology (Segment Editor).")
        return self._pair(item, found)

    def _by_terminology(self, item: Structure, others: Sequence[Structure]) -> bool:
        """Where just one structure of each side has these codes and the names differ."""
        key = terminology_key(item)
        free = [each for each in self.base.structures if each not in self.pairs.values()]
        mine = [each for each in free if key and terminology_key(each) == key]
        unique = sum(terminology_key(each) == key for each in others) == 1
        return len(mine) == 1 and unique and self._pair(item, mine[0])

    def _by_number(self, item: Structure) -> bool:
        """By label value: for a structure without a name on one of the sides."""
        found = self.by_value.get(item.value)
        if found is None or found in self.pairs.values() or self.other.by_name or self.base.by_name:
            return False
        if is_named(item) and is_named(found):
            msg = (
                f"The label value {item.value} is {found.name!r} in {self.base.where(found)} and {item.name!r} in "
                f"{self.other.name}, and each name is unknown to the other."
            )
            raise InputError(msg, self.remedy)
        return self._pair(item, found)

    def _with_new(self, new_ones: Sequence[Structure]) -> Matched:
        """The common labelling: new structures keep their values where they are free."""
        structures = {item.value: item for item in self.base.structures}
        for item in self.other.structures:
            found = self.pairs.get(item.value)
            if found is not None and not is_named(found) and is_named(item):
                structures[found.value] = replace(item, value=found.value)
        used, theirs = {*structures, *self.taken}, {item.value for item in self.other.structures}
        values = {value: found.value for value, found in self.pairs.items()}
        for item in new_ones:
            # A number that the other labelling has for something else would only confuse people.
            kept = item.value if item.value not in used else _free(used | theirs)
            used.add(kept)
            values[item.value] = kept
            structures[kept] = replace(item, value=kept) if is_named(item) else default_structure(kept)
        return Matched(values, tuple(structures.values()))


def _free(used: Collection[int]) -> int:
    return next(value for value in range(1, LARGEST_VALUE + 1) if value not in used)


def _meaning(structure: Structure) -> str:
    """What a terminology entry says to people."""
    parts = [part.split("^") for part in structure.terminology.split("~")[2:7]]
    words = [part[2] for part in parts if len(part) > 2 and part[2]]
    return ", ".join(words) or structure.terminology
