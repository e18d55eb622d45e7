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

import torch
from demo_training import (
    MAX_GRADIENT_NORM,
    model_card,
    options,
    prepare,
    progress,
    warmup_and_cosine,
    write_folder,
)
from rich.console import Console
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

MAX_BYTES = 1_000_000

# The random affine transformation of every training image, each way: degrees of rotation and of
# shear, relative change of size, shift as a share of half the image (0.12 is about half a pixel of
# the 8x8 original).
ROTATION = 15.0
SCALE = 0.15
SHIFT = 0.12

LABEL_SMOOTHING = 0.1
WARMUP_EPOCHS = 5


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
    generator = torch.Generator().manual_seed(args.seed)
    model = ViTForImageClassification(config)
    model.train()
    steps: int = math.ceil(len(digits.labels) / args.batch_size)

    optimizer = torch.optim.AdamW(
        model.parameters(),
        lr=args.learning_rate,
        betas=(0.9, 0.99),
        weight_decay=args.weight_decay,
    )
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, warmup_and_cosine(WARMUP_EPOCHS * steps, args.epochs * steps)
    )
    with progress(console, args.epochs, "epochs") as advance:
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
            advance(loss_sum / len(digits.labels))
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


def preprocessor() -> str:
    """The configuration of the image processor, as JSON.

    Written by hand: image processors save what their version of transformers happens to have.
    """
    configuration = {
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
    return json.dumps(configuration, indent=2) + "\n"


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    """Read the command line.

    Args:
        arguments: what follows the program's name; by default the process's own.

    Returns:
        The options as attributes.
    """
    parser = options(__doc__, "digits-vit")
    parser.add_argument("--epochs", type=int, default=100, help="passes over the training digits")
    parser.add_argument("--batch-size", type=int, default=64, help="images in one step")
    parser.add_argument("--learning-rate", type=float, default=2e-3, help="highest learning rate")
    parser.add_argument("--weight-decay", type=float, default=0.05, help="AdamW's weight decay")
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
    console = prepare(args)
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
    card = model_card(
        "digits-vit",
        model,
        args,
        **asdict(result),
        accuracy=result.accuracy,
        accuracy_bfloat16=result.accuracy_bfloat16,
        test_fraction=TEST_FRACTION,
        split_seed=SPLIT_SEED,
        warmup=WARMUP_EPOCHS,
        smoothing=LABEL_SMOOTHING,
        rotation=ROTATION,
        scale=SCALE,
        pixels=SHIFT * IMAGE_SIZE / 2,
    )
    texts = {"preprocessor_config.json": preprocessor(), "README.md": card}
    write_folder(model, args.output, MAX_BYTES, texts)
    console.print(f"Wrote {args.output}", highlight=False, markup=False, soft_wrap=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
