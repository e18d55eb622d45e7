"""What a model is run on: an image, a text, speech, or samples where the user gave none."""

import importlib.util
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import torch
from PIL import Image, ImageOps, UnidentifiedImageError

from symbiote_cli.errors import CommandError, first_line
from symbiote_cli.loading import Source
from symbiote_cli.speech import speech_samples

SAMPLE_TEXT = "The quick brown fox jumps over the lazy dog."
"""The text for a model that takes one when none is given."""

_IMAGE_FILES = ("preprocessor_config.json", "processor_config.json")
_TEXT_FILES = ("tokenizer.json", "tokenizer_config.json", "tokenizer.model", "vocab.txt")


@attrs.frozen
class Inputs:
    """The arguments of a forward.

    Attributes:
        tensors: by name, such as ``pixel_values`` [1, C, H, W].
        notes: what was chosen for the user.
    """

    tensors: dict[str, torch.Tensor]
    notes: tuple[str, ...]

    def repeated(self, count: int) -> "Inputs":
        """So many equal inputs at once.

        Args:
            count: how often each input stands in the batch.
        """
        tensors = {
            name: tensor.repeat_interleave(count, dim=0) for name, tensor in self.tensors.items()
        }
        return attrs.evolve(self, tensors=tensors)

    def describe(self) -> dict[str, str]:
        """Shape and dtype of each, such as ``[1, 3, 224, 224] float32``."""
        return {name: describe(tensor) for name, tensor in self.tensors.items()}


def describe(tensor: torch.Tensor) -> str:
    """Shape and dtype in words.

    Args:
        tensor: any shape and dtype.
    """
    return f"{list(tensor.shape)} {str(tensor.dtype).removeprefix('torch.')}"


def make_inputs(model: Any, source: Source, image: Path | None, text: str | None) -> Inputs:
    """Make what ``model`` takes of what the user gave, or of samples.

    Args:
        model: a Hugging Face model.
        source: where it comes from; its image processor and its tokenizer are used if it has any.
        image: an image file.
        text: a text.

    Raises:
        CommandError: if the model does not take what was given, or nothing that can be made.
    """
    takes = inspect.signature(model.forward).parameters
    wants_image, wants_text = "pixel_values" in takes, "input_ids" in takes
    name = type(model).__name__
    if image is not None and not wants_image:
        raise CommandError(f"{name} takes no image. Leave --image out.")
    if text is not None and not wants_text:
        raise CommandError(f"{name} takes no text. Leave --text out.")
    notes: list[str] = []
    tensors: dict[str, torch.Tensor] = speech_samples(model, takes, notes)
    if not wants_image and not wants_text and not tensors:
        raise CommandError(
            f"{name} takes neither images, text nor speech (but {', '.join(list(takes)[:3])} …), "
            "and this command makes nothing else. Use symbiote_core.accelerate from Python."
        )
    if wants_image:
        picture = _open(image) if image is not None else _sample_image(notes)
        tensors["pixel_values"] = _pixels(model, source, picture, notes).to(model.dtype)
    if wants_text:
        if text is None:
            notes.append(f"No --text given: the text is {SAMPLE_TEXT!r}")
        tensors |= _tokens(model, source, SAMPLE_TEXT if text is None else text, notes, takes)
    if getattr(model.config, "is_encoder_decoder", False) and "decoder_input_ids" in takes:
        start = getattr(model.config, "decoder_start_token_id", None) or 0
        tensors["decoder_input_ids"] = torch.tensor([[start]])
    return Inputs(tensors, tuple(notes))


def _open(path: Path) -> Image.Image:
    try:
        with Image.open(path) as opened:
            return ImageOps.exif_transpose(opened).convert("RGB")
    except FileNotFoundError as error:
        raise CommandError(f"There is no image {path}.") from error
    except (UnidentifiedImageError, OSError, Image.DecompressionBombError) as error:
        raise CommandError(
            f"{path} can't be read as an image ({first_line(error)}). Give a JPEG or PNG."
        ) from error


def _sample_image(notes: list[str]) -> Image.Image:
    spec = importlib.util.find_spec("sklearn")  # found without being imported, which takes a second
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        photograph = Path(folder) / "datasets" / "images" / "china.jpg"
        if photograph.is_file():
            notes.append("No --image given: the image is scikit-learn's china.jpg.")
            return _open(photograph)
    notes.append(
        "No --image given: the image is a generated gradient (with scikit-learn installed it would "
        "be a photograph)."
    )
    ramp = Image.linear_gradient("L")
    return Image.merge("RGB", (ramp, Image.radial_gradient("L"), ramp.rotate(90)))


def _has_file(source: Source, names: tuple[str, ...]) -> bool:
    return not source.is_local or any((Path(source.location) / name).is_file() for name in names)


def _try(make: Callable[[], Any], what: str, notes: list[str]) -> Any:
    """What ``make`` gives, or None and a note if a file or a package is missing."""
    try:
        return make()
    except (OSError, ValueError, ImportError, KeyError) as error:
        notes.append(f"The model's {what} can't be used ({first_line(error)})")
        return None


def _pixels(model: Any, source: Source, image: Image.Image, notes: list[str]) -> torch.Tensor:
    if _has_file(source, _IMAGE_FILES):
        from transformers import AutoImageProcessor

        def process() -> Any:
            processor = AutoImageProcessor.from_pretrained(
                source.location,
                trust_remote_code=source.trusts_code,
                local_files_only=source.is_local,
            )
            return processor(images=image, return_tensors="pt")["pixel_values"]

        pixels = _try(process, "image processor", notes)
        if pixels is not None:
            assert isinstance(pixels, torch.Tensor)
            return pixels
    config = getattr(model.config, "vision_config", None) or model.config
    size = getattr(config, "image_size", None) or 224
    height, width = (size, size) if isinstance(size, int) else (int(size[0]), int(size[1]))
    channels = getattr(config, "num_channels", None) or 3
    notes.append(
        f"No image processor: the image is resized to {height} x {width} and normalised with mean "
        "and standard deviation 0.5."
    )
    return default_pixels(image, height, width, channels)


def default_pixels(image: Image.Image, height: int, width: int, channels: int) -> torch.Tensor:
    """Resize and normalise an image as most vision transformers are trained on it.

    Args:
        image: any size.
        height: of the result in pixels.
        width: of the result in pixels.
        channels: 1 for grey, 3 for RGB; others repeat the grey value.

    Returns:
        float32 [1, channels, height, width], in -1 to 1.
    """
    mode, own = ("RGB", 3) if channels == 3 else ("L", 1)
    resized = image.convert(mode).resize((width, height), Image.Resampling.BILINEAR)
    flat = torch.frombuffer(bytearray(resized.tobytes()), dtype=torch.uint8)
    pixels = flat.view(height, width, own).permute(2, 0, 1).float() / 255
    return ((pixels - 0.5) / 0.5).expand(channels, -1, -1).unsqueeze(0).contiguous()


def _tokens(
    model: Any, source: Source, text: str, notes: list[str], takes: Any
) -> dict[str, torch.Tensor]:
    if _has_file(source, _TEXT_FILES):
        from transformers import AutoTokenizer

        def tokenize() -> Any:
            tokenizer = AutoTokenizer.from_pretrained(
                source.location,
                trust_remote_code=source.trusts_code,
                local_files_only=source.is_local,
            )
            return tokenizer(text, return_tensors="pt")

        found = _try(tokenize, "tokenizer", notes)
        if found is not None:
            return {name: value for name, value in found.items() if name in takes}
    config = getattr(model.config, "text_config", None) or model.config
    ids = [byte % config.vocab_size for byte in text.encode()] or [0]
    longest = getattr(config, "max_position_embeddings", None) or len(ids)
    which = "" if len(ids) <= longest else f"first {longest} of the "
    notes.append(f"No tokenizer: the token ids are the {which}text's UTF-8 bytes.")
    return {"input_ids": torch.tensor([ids[:longest]])}
