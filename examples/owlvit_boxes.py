"""Draw what an OWL-ViT detects on a photograph: on torch, and swapped for TTNN.

    python examples/owlvit_boxes.py
    python examples/owlvit_boxes.py --model google/owlvit-base-patch32 --text "a roof"

Without ``--model`` the weights are random: the boxes mean nothing then, and what the picture shows
is that the swapped model draws the same ones. Needs symbiote-owlvit, symbiote-emulator, Pillow and
scikit-learn, whose china.jpg is the photograph if no other is given.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from PIL import Image, ImageDraw
from torch import nn
from transformers import (
    OwlViTConfig,
    OwlViTForObjectDetection,
    OwlViTImageProcessor,
    OwlViTProcessor,
)

from symbiote_core import accelerate, pcc, report

COLOURS = ("#e6194b", "#3cb44b", "#4363d8", "#f58231", "#911eb4", "#008080")
"""A colour for each query, over and over."""


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--model", help="a hub id or a folder; random weights if left out")
    parser.add_argument("--text", action="append", help="what to look for; may be repeated")
    parser.add_argument("--image", type=Path, help="a photograph; china.jpg if left out")
    parser.add_argument("--device", default="auto", help="such as emulator or ttnn:0")
    parser.add_argument("--boxes", type=int, default=12, help="how many to draw")
    parser.add_argument("--out", type=Path, default=Path("owlvit_boxes.png"))
    return parser.parse_args(arguments)


def random_detector() -> OwlViTForObjectDetection:
    """A detector of owlvit-base-patch32's size, the same every time."""
    torch.manual_seed(0)
    model = OwlViTForObjectDetection(OwlViTConfig()).eval()
    # What transformers starts the heads with makes boxes as large as the picture, or nothing.
    for head in (model.class_head, model.box_head):
        for layer in head.modules():
            if isinstance(layer, nn.Linear):
                layer.reset_parameters()
    return model


def random_queries(count: int) -> dict[str, torch.Tensor]:
    """Ids that stand for texts where there is no tokenizer, each with its first and last token."""
    ids = torch.randint(1, 49405, (count, 16), generator=torch.Generator().manual_seed(0))
    ids[:, 0], ids[:, -1] = 49406, 49407
    return {"input_ids": ids, "attention_mask": torch.ones_like(ids)}


def photograph(path: Path | None) -> Image.Image:
    """The image at ``path``, or scikit-learn's photograph of a Chinese palace."""
    if path is not None:
        return Image.open(path).convert("RGB")
    from sklearn.datasets import load_sample_image

    return Image.fromarray(load_sample_image("china.jpg"))


def draw(image: Image.Image, found: dict[str, torch.Tensor], caption: str) -> Image.Image:
    """A copy of the image with boxes in the colours of their queries."""
    picture = image.copy()
    pen = ImageDraw.Draw(picture)
    for box, label in zip(found["boxes"].tolist(), found["labels"].tolist(), strict=True):
        left, top, right, bottom = box
        colour = COLOURS[label % len(COLOURS)]
        pen.rectangle((left, top, max(left, right), max(top, bottom)), outline=colour, width=3)
    pen.rectangle((0, 0, 8 + pen.textlength(caption), 18), fill="black")
    pen.text((4, 3), caption, fill="white")
    return picture


def beside(left: Image.Image, right: Image.Image) -> Image.Image:
    """Two pictures in one."""
    both = Image.new("RGB", (left.width + right.width, max(left.height, right.height)))
    both.paste(left, (0, 0))
    both.paste(right, (left.width, 0))
    return both


def main(arguments: Sequence[str] | None = None) -> None:
    """Detect twice, draw both, and say how far apart they are."""
    options = parse(arguments)
    image = photograph(options.image)
    if options.model is None:
        model, processor = random_detector(), OwlViTImageProcessor()
        given: dict[str, Any] = random_queries(3)
        print("The weights are random: the boxes mean nothing, but both models must agree on them.")
    else:
        model = OwlViTForObjectDetection.from_pretrained(options.model).eval()
        processor = OwlViTProcessor.from_pretrained(options.model)
        given = dict(processor(text=[options.text or ["a roof", "a tree"]], return_tensors="pt"))
        processor = processor.image_processor
    given["pixel_values"] = processor(images=image, return_tensors="pt")["pixel_values"]

    with torch.no_grad():
        on_torch = model(**given)
        accelerate(model, options.device)
        swapped = model(**given)
    said = report(model)

    best = on_torch.logits.sigmoid().amax(dim=-1).flatten().sort(descending=True).values
    threshold = float(best[min(options.boxes, len(best) - 1)])
    size = [(image.height, image.width)]
    found = [
        processor.post_process_object_detection(out, threshold=threshold, target_sizes=size)[0]
        for out in (on_torch, swapped)
    ]
    names = "torch", f"swapped, on {said.device}"
    beside(*(draw(image, f, name) for f, name in zip(found, names, strict=True))).save(options.out)
    apart = (on_torch.pred_boxes - swapped.pred_boxes).abs().max()
    traffic = said.traffic
    print(
        f"Boxes of a score over {threshold:.3f}: {len(found[0]['boxes'])} on torch, "
        f"{len(found[1]['boxes'])} swapped."
    )
    print(
        f"Logits: PCC {pcc(on_torch.logits, swapped.logits):.6f}. Boxes: at most {apart:.4f} of "
        "the picture apart."
    )
    print(
        f"{said.fallback_count} fallbacks, {traffic.uploads} uploads, {traffic.downloads} "
        f"downloads. Both are drawn in {options.out}."
    )


if __name__ == "__main__":
    main()
