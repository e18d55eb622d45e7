from __future__ import annotations

from typing import Any

import pytest
import torch
from emulator_golden import (
    assert_within,
    matrices,
    on_device,
    property_test,
    seeds,
    stored,
    values,
)
from hypothesis import given
from hypothesis import strategies as st

from symbiote_conformance.tolerances import product
from symbiote_emulator import ttnn
from symbiote_emulator.kept import kept_bytes
from symbiote_emulator.numerics import operand_terms

ACTIVATIONS: dict[str, Any] = {
    "gelu": torch.nn.functional.gelu,
    "relu": torch.relu,
    "silu": torch.nn.functional.silu,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
}
FIDELITIES = ["LoFi", "HiFi2", "HiFi3", "HiFi4"]


def config(fidelity: str) -> Any:
    return ttnn.init_device_compute_kernel_config(
        ttnn.Arch.WORMHOLE_B0,
        math_fidelity=getattr(ttnn.MathFidelity, fidelity),
        math_approx_mode=False,
        fp32_dest_acc_en=True,
        packer_l1_acc=True,
    )


def golden(a: torch.Tensor, b: torch.Tensor, fidelity: str) -> torch.Tensor:
    terms = operand_terms(a.float(), b.float(), getattr(ttnn.MathFidelity, fidelity))
    return sum((x.double() @ y.double() for x, y in terms), torch.zeros(()).double())


@property_test
@given(
    shape=matrices,
    n=st.integers(1, 70),
    seed=seeds,
    fidelity=st.sampled_from(FIDELITIES),
    transposes=st.tuples(st.booleans(), st.booleans()),
    bias=st.booleans(),
)
def test_linear(
    device: Any,
    shape: tuple[int, int, int],
    n: int,
    seed: int,
    fidelity: str,
    transposes: tuple[bool, bool],
    bias: bool,
) -> None:
    a, b = values(shape, seed), values((shape[-1], n), seed + 1)
    c = values((1, n), seed + 2) if bias else None
    left = on_device(a.transpose(-1, -2).contiguous() if transposes[0] else a, device)
    right = on_device(b.t().contiguous() if transposes[1] else b, device)
    out = ttnn.linear(
        left,
        right,
        bias=None if c is None else on_device(c, device),
        transpose_a=transposes[0],
        transpose_b=transposes[1],
        compute_kernel_config=config(fidelity),
    )
    g = golden(a, b, fidelity)
    if c is not None:
        g = g + c.double()
    assert tuple(out.shape) == tuple(g.shape)
    assert_within(out, g, product(g, a.double(), b.double()))


@property_test
@given(shape=matrices, n=st.integers(1, 40), seed=seeds, heads=st.integers(1, 3))
def test_batched_matmul(
    device: Any, shape: tuple[int, int, int], n: int, seed: int, heads: int
) -> None:
    a, b = values((heads, *shape), seed), values((heads, shape[0], shape[-1], n), seed + 1)
    out = ttnn.matmul(
        on_device(a, device), on_device(b, device), compute_kernel_config=config("HiFi4")
    )
    g = a.double() @ b.double()
    assert_within(out, g, product(g, a.double(), b.double()))


@pytest.mark.parametrize(("name", "function"), ACTIVATIONS.items())
@pytest.mark.parametrize("fused", [False, True])
def test_activations(device: Any, name: str, function: Any, fused: bool) -> None:
    a, b = values((2, 33, 64), scale=0.3), values((64, 50), 1, scale=0.3)
    grid = {"core_grid": device.core_grid} if fused else {}
    out = ttnn.linear(
        on_device(a, device),
        on_device(b, device),
        activation=name,
        compute_kernel_config=config("HiFi4"),
        **grid,
    )
    g = function(a.double() @ b.double())
    assert_within(out, g, 2.0**-8 * g.abs() + 2.0**-14)


@pytest.mark.parametrize("dtype", [ttnn.float32, ttnn.bfloat16, ttnn.bfloat8_b, ttnn.bfloat4_b])
def test_output_dtypes(device: Any, dtype: Any) -> None:
    a, b = on_device(values((1, 64)), device), on_device(values((64, 64), 1), device)
    assert ttnn.linear(a, b, dtype=dtype).dtype is dtype


def test_default_fidelity_truncates_and_hifi4_does_not(device: Any) -> None:
    a, b = values((8, 256)), values((256, 8), 1)
    x, w = on_device(a, device), on_device(b, device)
    full = stored(ttnn.linear(x, w, compute_kernel_config=config("HiFi4")))
    default = stored(ttnn.linear(x, w))
    lofi = stored(ttnn.linear(x, w, compute_kernel_config=config("LoFi")))
    assert not torch.equal(full, default)
    gain = float((lofi * full).sum() / (full * full).sum())
    assert 0.96 < gain < 0.99  # truncation shrinks, by about 2.2 %


def test_a_weight_that_is_written_to_is_read_again(device: Any) -> None:
    x = on_device(torch.eye(256), device)
    w = on_device(values((256, 256)), device)
    for _ in range(3):
        ttnn.linear(x, w, compute_kernel_config=config("HiFi4"))
    w.write(torch.ones(256, 256))
    assert (stored(ttnn.linear(x, w, compute_kernel_config=config("HiFi4"))) == 1).all()


def test_kept_copies_end_with_their_tensor(device: Any) -> None:
    before = kept_bytes()
    x, w = on_device(values((1, 256)), device), on_device(values((256, 256)), device)
    for _ in range(3):
        ttnn.linear(x, w)
    assert kept_bytes() > before
    w.deallocate(True)
    assert kept_bytes() == before


@pytest.mark.parametrize("processor", ["this one", "one that multiplies float32 faster"])
@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("lead", [(), (1, 1)], ids=["rank 2", "rank 4"])
@pytest.mark.parametrize("name", [None, *ACTIVATIONS])
def test_every_use_of_a_weight_gives_the_same(
    device: Any,
    monkeypatch: pytest.MonkeyPatch,
    processor: str,
    transposed: bool,
    lead: tuple[int, ...],
    name: str | None,
) -> None:
    if processor != "this one":
        monkeypatch.setattr("symbiote_emulator.kept.bf16_matmul_is_fast", lambda: False)
        monkeypatch.setattr(
            "symbiote_emulator.operations._product.bf16_matmul_is_fast", lambda: False
        )
    a, b, c = values((2, 33, 128)), values((128, 160), 1, 0.1), values((1, 160), 2)
    x, bias = on_device(a, device), on_device(c, device)
    stored_weight = b.t().contiguous() if transposed else b
    w = on_device(stored_weight.reshape(*lead, *stored_weight.shape), device)
    z = a.double() @ b.double() + c.double()
    g = z if name is None else ACTIVATIONS[name](z)
    for _ in range(3):
        out = ttnn.linear(
            x,
            w,
            bias=bias,
            transpose_b=transposed,
            activation=name,
            compute_kernel_config=config("HiFi4"),
        )
        assert_within(
            out, g.reshape(tuple(out.shape)), 2.0**-8 * g.abs().reshape(tuple(out.shape)) + 2.0**-14
        )
    # The other way round it is another matrix, also for what was kept.
    if not lead:
        square = on_device(values((160, 160), 3), device)
        y = on_device(values((4, 160), 4), device)
        for turn in (False, True, False, True):
            m = values((160, 160), 3).double()
            want = values((4, 160), 4).double() @ (m.t() if turn else m)
            got = ttnn.linear(y, square, transpose_b=turn, compute_kernel_config=config("HiFi4"))
            assert_within(got, want, 2.0**-8 * want.abs() + 2.0**-11)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"layout": ttnn.ROW_MAJOR_LAYOUT}, "Inputs to matmul must be tilized"),
        ({"dtype": ttnn.int32}, "Unsupported data format for input A: DataType::INT32"),
    ],
)
def test_refused_operands(device: Any, change: dict[str, Any], message: str) -> None:
    x = on_device(torch.ones(4, 32), device, **change)
    with pytest.raises(RuntimeError, match=message):
        ttnn.linear(x, on_device(torch.ones(32, 32), device))


def test_refused_shapes_and_places(device: Any) -> None:
    x, w = on_device(torch.ones(4, 33), device), on_device(torch.ones(32, 32), device)
    with pytest.raises(RuntimeError, match="Mismatch: width=33 height=32"):
        ttnn.linear(x, w)
    host = ttnn.from_torch(torch.ones(4, 32), dtype=ttnn.bfloat16, layout=ttnn.TILE_LAYOUT)
    with pytest.raises(RuntimeError, match="must be on device"):
        ttnn.linear(host, w)
    with pytest.raises(RuntimeError, match="Unknown unary op: quick_gelu"):
        ttnn.linear(on_device(torch.ones(4, 32), device), w, activation="quick_gelu")
    ttnn.deallocate(w)
    with pytest.raises(RuntimeError, match="not allocated"):
        ttnn.linear(on_device(torch.ones(4, 32), device), w)
