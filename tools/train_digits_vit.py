"""Train the small ViT of the demo on scikit-learn's handwritten digits, and write its folder.

    python tools/train_digits_vit.py

needs symbiote-cli, transformers (4.57 or 5.x), safetensors and scikit-learn, and takes about a
minute on one core. It writes `config.json`, `model.safetensors` (at most 1 MB),
`preprocessor_config.json` and a model card, and prints the accuracy on the held-out digits, in
float32 and with everything rounded to bfloat16. A model below `--min-accuracy` is not written.

With the same seed, threads, versions and kind of processor the weights are the same bit for bit.
The held-out digits take no part in training: the settings were chosen on parts of the training
digits, and the weights are those after the last epoch.
"""

import argparse
import copy
import json
import math
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
import transformers
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from torch.nn import functional
from transformers import ViTConfig, ViTForImageClassification

from symbiote_cli.digits import (
    IMAGE_SIZE,
    NUM_CHANNELS,
    NUM_CLASSES,
    SPLIT_SEED,
    TEST_FRACTION,
    DigitSet,
    load_test_digits,
    load_train_digits,
)

ROOT = Path(__file__).resolve().parent.parent
DEFAULT_OUTPUT = ROOT / "plugins/symbiote_cli/src/symbiote_cli/data/digits-vit"
MAX_BYTES = 1_000_000

# The random affine transformation of every training image, each way: degrees of rotation and of
# shear, relative change of size, shift as a share of half the image (0.12 is about half a pixel of
# the 8x8 original).
ROTATION = 15.0
SCALE = 0.15
SHIFT = 0.12

LABEL_SMOOTHING = 0.1
WARMUP_EPOCHS = 5
MAX_GRADIENT_NORM = 1.0


@dataclass(frozen=True)
class Evaluation:
    """How a model did on held-out digits."""

    images: int
    wrong: int
    """Wrong predictions in float32."""
    wrong_bfloat16: int
    """Wrong predictions with weights and activations in bfloat16."""
    different: int
    """Predictions that bfloat16 changes."""

    @property
    def accuracy(self) -> float:
        """Share of right predictions in float32, 0 to 1."""
        return 1 - self.wrong / self.images

    @property
    def accuracy_bfloat16(self) -> float:
        """Share of right predictions in bfloat16, 0 to 1."""
        return 1 - self.wrong_bfloat16 / self.images


def build_config() -> ViTConfig:
    """Describe the model.

    Head size 32 is what TTNN's split_query_key_value_and_split_heads needs a multiple of. Patches
    of 8x8 are 2x2 pixels of the original image: a sequence of 16 patches and the class token.

    Returns:
        The configuration of a ViT of 214,218 parameters.
    """
    names = {index: str(index) for index in range(NUM_CLASSES)}
    return ViTConfig(
        image_size=IMAGE_SIZE,
        num_channels=NUM_CHANNELS,
        patch_size=8,
        encoder_stride=8,
        hidden_size=64,
        num_hidden_layers=4,
        num_attention_heads=2,
        intermediate_size=256,
        qkv_bias=True,
        hidden_act="gelu",
        id2label=names,
        label2id={name: index for index, name in names.items()},
    )


def augment(pixel_values: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Rotate, shear, scale and shift each image by a small random amount.

    Args:
        pixel_values: float32 [N, C, H, W], -1 is paper.
        generator: where the random numbers come from.

    Returns:
        float32 [N, C, H, W], filled with paper at the edges.
    """

    def uniform(limit: float) -> torch.Tensor:
        return (torch.rand(len(pixel_values), generator=generator) * 2 - 1) * limit

    angle = uniform(math.radians(ROTATION))
    skewed = angle + uniform(math.radians(ROTATION))
    width, height = 1 + uniform(SCALE), 1 + uniform(SCALE)
    across = torch.stack([width * angle.cos(), -width * skewed.sin(), uniform(SHIFT)], dim=1)
    down = torch.stack([height * angle.sin(), height * skewed.cos(), uniform(SHIFT)], dim=1)
    grid = functional.affine_grid(
        torch.stack([across, down], dim=1), list(pixel_values.shape), align_corners=False
    )
    # grid_sample fills the edges with 0, so paper has to be 0 there.
    return functional.grid_sample(pixel_values + 1, grid, align_corners=False) - 1


def train(
    config: ViTConfig, digits: DigitSet, args: argparse.Namespace, console: Console
) -> ViTForImageClassification:
    """Train a model from seeded random weights.

    Args:
        config: what to build.
        digits: pixel_values float32 [N, C, H, W] and labels int64 [N].
        args: the command line: epochs, batch_size, learning_rate, weight_decay, seed.
        console: where the progress bar is drawn.

    Returns:
        The model in evaluation mode, float32.
    """
    torch.manual_seed(args.seed)
    generator = torch.Generator().manual_seed(args.seed)
    model = ViTForImageClassification(config)
    model.train()
    steps: int = math.ceil(len(digits.labels) / args.batch_size)
    total: int = args.epochs * steps

    def rate(step: int) -> float:
        warmup = min(1.0, (step + 1) / (WARMUP_EPOCHS * steps))
        return warmup * (0.5 + 0.5 * math.cos(math.pi * step / total))

    optimizer = torch.optim.AdamW(
        model.parameters(),
        lr=args.learning_rate,
        betas=(0.9, 0.99),
        weight_decay=args.weight_decay,
    )
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, rate)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed}/{task.total} epochs, loss {task.fields[loss]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("Training", total=args.epochs, loss="-")
        for _ in range(args.epochs):
            loss_sum = 0.0
            order = torch.randperm(len(digits.labels), generator=generator)
            for batch in torch.split(order, args.batch_size):
                logits = model(pixel_values=augment(digits.pixel_values[batch], generator)).logits
                loss = functional.cross_entropy(
                    logits, digits.labels[batch], label_smoothing=LABEL_SMOOTHING
                )
                optimizer.zero_grad()
                torch.autograd.backward(loss)
                torch.nn.utils.clip_grad_norm_(model.parameters(), MAX_GRADIENT_NORM)
                optimizer.step()
                schedule.step()
                loss_sum += loss.item() * len(batch)
            progress.update(task, advance=1, loss=f"{loss_sum / len(digits.labels):.4f}")
    return model.eval()


@torch.inference_mode()
def predict(model: ViTForImageClassification, pixel_values: torch.Tensor) -> torch.Tensor:
    """Classify images in the dtype of the model's weights.

    Args:
        model: a ViT in evaluation mode.
        pixel_values: floating [N, C, H, W].

    Returns:
        int64 [N], the class with the largest logit.
    """
    logits: torch.Tensor = model(pixel_values=pixel_values.to(model.dtype)).logits
    return logits.argmax(dim=-1)


def evaluate(model: ViTForImageClassification, digits: DigitSet) -> Evaluation:
    """Count the wrong predictions, in float32 and in bfloat16.

    Args:
        model: a float32 ViT in evaluation mode; it stays as it is.
        digits: pixel_values float32 [N, C, H, W] and labels int64 [N].

    Returns:
        The counts.
    """
    full = predict(model, digits.pixel_values)
    rounded = predict(copy.deepcopy(model).bfloat16(), digits.pixel_values)
    return Evaluation(
        images=len(digits.labels),
        wrong=int((full != digits.labels).sum()),
        wrong_bfloat16=int((rounded != digits.labels).sum()),
        different=int((full != rounded).sum()),
    )


def write_folder(model: ViTForImageClassification, folder: Path, card: str) -> None:
    """Write the Hugging Face folder.

    Args:
        model: what to save. Both transformers 4.57 and 5.x save ViT under the parameter names of
            4.57, which both can load.
        folder: where to; made if it is missing.
        card: the text of its README.md.

    Raises:
        ValueError: the weights take more than 1 MB; nothing is written then.
    """
    size = sum(tensor.numel() * tensor.element_size() for tensor in model.state_dict().values())
    if size > MAX_BYTES:
        raise ValueError(f"The weights take {size} bytes, more than {MAX_BYTES}: shrink the model.")
    model.save_pretrained(folder)
    # safetensors makes a file that only its owner can read; a package is for everybody.
    (folder / "model.safetensors").chmod(0o644)
    # Written by hand: image processors save what their version of transformers happens to have.
    preprocessor = {
        "image_processor_type": "ViTImageProcessor",
        "do_convert_rgb": True,
        "do_resize": True,
        "size": {"height": IMAGE_SIZE, "width": IMAGE_SIZE},
        "resample": 2,  # PIL's code for bilinear
        "do_rescale": True,
        "rescale_factor": 1 / 255,
        "do_normalize": True,
        "image_mean": [0.5] * NUM_CHANNELS,
        "image_std": [0.5] * NUM_CHANNELS,
    }
    text = json.dumps(preprocessor, indent=2) + "\n"
    (folder / "preprocessor_config.json").write_text(text, encoding="utf-8")
    (folder / "README.md").write_text(card, encoding="utf-8")


CARD = """\
---
license: apache-2.0
library_name: transformers
pipeline_tag: image-classification
tags: [vit, digits]
model-index:
- name: digits-vit
  results:
  - task: {{type: image-classification}}
    dataset: {{name: scikit-learn digits (held-out quarter), type: optdigits}}
    metrics:
    - {{type: accuracy, value: {accuracy:.4f}}}
---

# digits-vit

A very small `ViTForImageClassification` that reads handwritten digits. It exists so that a real,
trained model can be run everywhere in a second: in the demo and in the tests of Symbiote.

| | |
|---|---|
| parameters | {parameters:,} (float32) |
| input | 32x32 pixels, 3 channels, -1 (paper) to 1 (ink) |
| patches | 8x8 pixels, 16 and a class token |
| layers, heads, hidden, intermediate | {layers}, {heads} of {head_size}, {hidden}, {intermediate} |
| accuracy in float32 | {accuracy:.2%} ({wrong} of {images} held-out digits wrong) |
| accuracy in bfloat16 | {accuracy_bfloat16:.2%} ({wrong_bfloat16} wrong; {different} predictions \
differ from float32) |

It loads in transformers 4.57 and 5.x.

## Data

The 1,797 images of `sklearn.datasets.load_digits`: 8x8 pixels of 0 (paper) to 16 (ink), from the
test part of *Optical Recognition of Handwritten Digits* by E. Alpaydin and C. Kaynak (UCI Machine
Learning Repository, 1998, https://doi.org/10.24432/C50P49, CC BY 4.0). A quarter is held out by
`train_test_split(test_size={test_fraction}, stratify=labels, random_state={split_seed})`. The split
does not separate writers: digits of one person are on both sides, so the accuracy on the writing of
others will be lower.

Images are enlarged bilinearly to 32x32, and the grey value is repeated in three channels
(`symbiote_cli.digits.preprocess`, or this folder's image processor). Ink is bright: a scan of dark
ink on white paper has to be inverted first.

## Training

This folder was made by

    python tools/train_digits_vit.py

| | |
|---|---|
| optimizer | AdamW, {epochs} epochs in batches of {batch_size}, weight decay {weight_decay:g} |
| learning rate | {learning_rate:g}: {warmup} epochs of warm-up, cosine decay to zero |
| loss | cross entropy, label smoothing {smoothing:g} |
| augmentation | rotation and shear up to {rotation:g} degrees each, scale up to {scale:.0%}, \
shift up to {pixels:.1f} of 32 pixels, at random |
| seed, threads | {seed}, {threads} |
| versions | torch {torch}, transformers {transformers} |

The settings were chosen on parts of the training digits; the held-out ones were used only to
measure the accuracy above.

## License

Apache-2.0.
"""


def model_card(
    model: ViTForImageClassification, result: Evaluation, args: argparse.Namespace
) -> str:
    """Fill in the model card.

    Args:
        model: the trained model.
        result: what `evaluate` found.
        args: the command line it was trained with.

    Returns:
        Markdown with a Hugging Face header.
    """
    config = model.config
    return CARD.format(
        **asdict(result),
        accuracy=result.accuracy,
        accuracy_bfloat16=result.accuracy_bfloat16,
        parameters=sum(parameter.numel() for parameter in model.parameters()),
        layers=config.num_hidden_layers,
        heads=config.num_attention_heads,
        head_size=config.hidden_size // config.num_attention_heads,
        hidden=config.hidden_size,
        intermediate=config.intermediate_size,
        test_fraction=TEST_FRACTION,
        split_seed=SPLIT_SEED,
        epochs=args.epochs,
        batch_size=args.batch_size,
        learning_rate=args.learning_rate,
        weight_decay=args.weight_decay,
        seed=args.seed,
        warmup=WARMUP_EPOCHS,
        smoothing=LABEL_SMOOTHING,
        rotation=ROTATION,
        scale=SCALE,
        pixels=SHIFT * IMAGE_SIZE / 2,
        threads=args.threads,
        torch=torch.__version__.partition("+")[0],
        transformers=transformers.__version__,
    )


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    """Read the command line.

    Args:
        arguments: what follows the program's name; by default the process's own.

    Returns:
        The options as attributes.
    """
    summary = (__doc__ or "").partition("\n")[0]
    parser = argparse.ArgumentParser(
        description=summary, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--output", type=Path, default=DEFAULT_OUTPUT, help="folder to write")
    parser.add_argument("--epochs", type=int, default=100, help="passes over the training digits")
    parser.add_argument("--batch-size", type=int, default=64, help="images in one step")
    parser.add_argument("--learning-rate", type=float, default=2e-3, help="highest learning rate")
    parser.add_argument("--weight-decay", type=float, default=0.05, help="AdamW's weight decay")
    parser.add_argument("--seed", type=int, default=0, help="of weights, order and augmentation")
    parser.add_argument("--threads", type=int, default=1, help="of torch; changes the rounding")
    parser.add_argument(
        "--min-accuracy", type=float, default=0.975, help="on held-out digits, below: not written"
    )
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    """Train, measure and write.

    Args:
        arguments: what follows the program's name; by default the process's own.

    Returns:
        The exit status: 0, or 1 if the model is not good enough.
    """
    args = parse_arguments(arguments)
    torch.set_num_threads(args.threads)
    torch.use_deterministic_algorithms(True)
    transformers.utils.logging.disable_progress_bar()
    console = Console()
    model = train(build_config(), load_train_digits(), args, console)
    result = evaluate(model, load_test_digits())
    console.print(
        f"held-out digits: {result.images}\n"
        f"accuracy in float32:  {result.accuracy:.2%} ({result.wrong} wrong)\n"
        f"accuracy in bfloat16: {result.accuracy_bfloat16:.2%} ({result.wrong_bfloat16} wrong, "
        f"{result.different} predictions differ)",
        highlight=False,
    )
    if result.accuracy < args.min_accuracy:
        console.print(f"[red]Below {args.min_accuracy:.2%}: nothing was written.[/red]")
        return 1
    write_folder(model, args.output, model_card(model, result, args))
    console.print(f"Wrote {args.output}", highlight=False, markup=False, soft_wrap=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
