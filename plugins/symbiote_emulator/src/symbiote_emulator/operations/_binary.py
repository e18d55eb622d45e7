"""What the operations of two operands share: rules of dtypes, checks, and the values."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import attrs
import torch

from symbiote_emulator.device import Device
from symbiote_emulator.errors import IncompatibleArguments, OperationRefused, WrongInTTNN
from symbiote_emulator.numerics import FLOATS, round_to_bfloat16
from symbiote_emulator.operations._activations import apply_all
from symbiote_emulator.operations._common import (
    broadcast_shapes,
    emit,
    fill_output,
    loses_shape_in_tiles,
    require_elements,
    require_rows,
)
from symbiote_emulator.operations._shards import no_smaller_than_tiles, output_memory
from symbiote_emulator.tensor import Tensor
from symbiote_emulator.types import (
    BufferType,
    DataType,
    Layout,
    MemoryConfig,
    StorageType,
    UnaryWithParam,
)

Function = Callable[[torch.Tensor, torch.Tensor | float], torch.Tensor]
Operand = Tensor | int | float
Activations = Sequence[UnaryWithParam]

_EXACT_SCALAR = {DataType.INT32: (-(2**31), 2**31 - 1), DataType.UINT32: (0, 2**32 - 1)}
INTEGERS = frozenset({DataType.INT32, DataType.UINT32, DataType.UINT16})
WIDE_INTEGERS = frozenset({DataType.INT32, DataType.UINT32})


@attrs.frozen
class Rule:
    """Which dtypes go together, and what the result's is.

    Attributes:
        name: TTNN's name of the operation.
        function: of two torch tensors, or a tensor and a number.
        integers: integer dtypes that it takes, both operands of the same one.
        mixes_floats: whether two float dtypes may differ; the result has the first one's.
        promotes: whether a 32-bit integer goes with a float; the result is a float.
        exact_scalars: whether a float beside a 32-bit integer must be an integer of its range.
        always_float: whether integers give a float.
        takes_bytes: whether UINT8 is taken, as if it were UINT16.
        rounds_once: whether torch computes it of two bfloat16 tensors in float32 and rounds the
            result, so that it need not be done here.
        rounds_shards: whether TTNN rounds floats in a second step, which makes shards of rows that
            it chose in the first no smaller than tiles.
    """

    name: str
    function: Function
    integers: frozenset[DataType] = INTEGERS
    mixes_floats: bool = True
    promotes: bool = False
    exact_scalars: bool = True
    always_float: bool = False
    takes_bytes: bool = False
    rounds_once: bool = False
    rounds_shards: bool = False

    def result_dtype(self, a: Operand, b: Operand) -> DataType:
        """The dtype of the result.

        Raises:
            OperationRefused: the operands don't go together.
        """
        dtypes = [self._seen(t.dtype) for t in (a, b) if isinstance(t, Tensor)]
        for letter, dtype in zip("AB", dtypes, strict=False):
            if dtype not in FLOATS and dtype not in self.integers:
                raise self._refuse_dtype(letter, dtype)
        if len(dtypes) == 1:
            number = b if isinstance(a, Tensor) else a
            assert not isinstance(number, Tensor)
            return self._with_number(dtypes[0], number)
        left, right = dtypes
        if left is right:
            if left not in FLOATS and self.always_float:
                if left is not DataType.INT32:
                    raise self._refuse_dtype("A", left)
                return DataType.FLOAT32
            return left
        if left in FLOATS and right in FLOATS and self.mixes_floats:
            return left
        if self.promotes and (left in FLOATS) != (right in FLOATS):
            integer, other = (right, left) if left in FLOATS else (left, right)
            if integer in WIDE_INTEGERS:
                if left in FLOATS:
                    return left
                return DataType.FLOAT32 if other is DataType.FLOAT32 else DataType.BFLOAT16
        raise OperationRefused(
            f"Mixed dtype is not supported for binary operation BinaryOpType::{self.name}, "
            f"dtype A: DataType::{left.name}, dtype B: DataType::{right.name}",
            "Convert one of them with ttnn.typecast.",
            a=left,
            b=right,
        )

    def _seen(self, dtype: DataType) -> DataType:
        return DataType.UINT16 if self.takes_bytes and dtype is DataType.UINT8 else dtype

    def _with_number(self, dtype: DataType, number: float) -> DataType:
        if dtype in FLOATS:
            return dtype
        whole = is_integer(number)
        if self.always_float:
            if dtype is DataType.INT32 or not whole:
                return DataType.FLOAT32
            raise self._refuse_dtype("A", dtype)
        if self.promotes and not whole and dtype in WIDE_INTEGERS:
            return DataType.FLOAT32
        if self.exact_scalars and not whole:
            check_scalar(self.name, dtype, number)
        return dtype

    def _refuse_dtype(self, letter: str, dtype: DataType) -> OperationRefused:
        return OperationRefused(
            f"Input tensor {letter} dtype DataType::{dtype.name} is not supported for binary "
            f"operation BinaryOpType::{self.name}",
            "Convert it with ttnn.typecast.",
            dtype=dtype,
        )


def run(
    rule: Rule,
    a: Operand,
    b: Operand,
    *,
    dtype: DataType | None,
    memory_config: MemoryConfig | None,
    output_tensor: Tensor | None,
    activations: Activations,
    a_activations: Activations,
    b_activations: Activations,
) -> Tensor:
    """One operation of two operands; they broadcast over dimensions of size 1; rounded once.

    Args:
        rule: the dtypes and the function.
        a: device tensor, or a number.
        b: device tensor, or a number; not both are numbers.
        dtype: output dtype; the rule's if left out.
        memory_config: output memory; that of the first tensor if left out.
        output_tensor: written and returned if given; its dtype and memory count.
        activations: applied to the result before it is rounded.
        a_activations: applied to the first operand.
        b_activations: applied to the second operand.

    Raises:
        IncompatibleArguments: both operands are numbers.
        OperationRefused: host or freed operands, shapes that don't broadcast, or dtypes that
            don't go together.
    """
    reference, device = require_operands(rule.name, a, b)
    natural = rule.result_dtype(a, b)
    check_output_dtype(dtype, output_tensor)
    out_dtype = output_tensor.dtype if output_tensor is not None else dtype or natural
    layout = _output_layout(a, b)
    if output_tensor is not None and layout is Layout.ROW_MAJOR:
        raise OperationRefused(
            "Optional output tensor with Row Major input is not supported right now for "
            "Elementwise operations",
            "Leave output_tensor out, or use ttnn.TILE_LAYOUT.",
        )
    shape = reference.spec.shape
    tensors = [reference]
    if isinstance(a, Tensor) and isinstance(b, Tensor):
        shape = broadcast_shapes(a.spec.shape, b.spec.shape)
        tensors.append(b)
    if 0 in shape:
        _check_rows(tensors, layout, natural)
    result = None
    if out_dtype is DataType.BFLOAT16 and not (activations or a_activations or b_activations):
        result = _in_bfloat16(rule, a, b)
    if result is None:
        result = compute(rule.function, a, b, a_activations, b_activations, activations)
    if output_tensor is not None:
        return fill_output(output_tensor, result)
    memory = output_memory(memory_config, tensors, shape, layout, device)
    if memory_config is not None and memory != memory_config:
        _check_vectors(tensors, shape, layout)
    bare = memory_config is not None and not memory_config.shard_spec
    if bare and rule.rounds_shards and natural in FLOATS:
        memory = no_smaller_than_tiles(memory)
    return emit(result, device, dtype=out_dtype, layout=layout, memory_config=memory)


def _check_vectors(tensors: Sequence[Tensor], shape: Sequence[int], layout: Layout) -> None:
    """Refuse to choose shards for two row-major vectors in L1."""
    if len(tensors) < 2 or len(shape) > 1 or layout is Layout.TILE:
        return
    if all(t.buffer_type() is BufferType.L1 for t in tensors):
        raise OperationRefused(
            "Rank must be at least 2 to choose shards of rows",
            "Give the memory config its shards, or use ttnn.TILE_LAYOUT.",
        )


def _check_rows(tensors: Sequence[Tensor], layout: Layout, natural: DataType) -> None:
    """Refuse row-major operands without elements where TTNN crashes, or mistakes the shape."""
    if layout is Layout.TILE:  # rows beside tiles are made tiles
        if any(t.layout is Layout.ROW_MAJOR and loses_shape_in_tiles(t) for t in tensors):
            raise WrongInTTNN(
                "Operands of two layouts, without elements.", "Make the result with ttnn.empty."
            )
        return
    for tensor in tensors:
        if len(tensors) > 1:
            require_rows(tensor)
        if natural in FLOATS and tensor.dtype not in FLOATS:
            require_elements(tensor)


def _in_bfloat16(rule: Rule, a: Operand, b: Operand) -> torch.Tensor | None:
    """The result in bfloat16, rounded once, where the rule is of that kind.

    Of two bfloat16 tensors torch does it, in a fifth of the time of `compute`. Others have more
    bits, so that float32 in between would round a second time.
    """
    tensors = [t for t in (a, b) if isinstance(t, Tensor)]
    if not rule.rounds_once or any(t.dtype not in FLOATS for t in tensors):
        return None
    if len(tensors) == 2 and all(t.value.dtype is torch.bfloat16 for t in tensors):
        return rule.function(tensors[0].value, tensors[1].value)
    wide = [_load(x, y, ()).to(torch.float64) for x, y in ((a, b), (b, a))]
    return round_to_bfloat16(rule.function(*wide))


def compute(
    function: Function,
    a: Tensor | float,
    b: Tensor | float,
    a_activations: Activations,
    b_activations: Activations,
    activations: Activations,
) -> torch.Tensor:
    """The unrounded result: float32 for float operands, an integer type for integers.

    Args:
        function: of two torch tensors, or a tensor and a number.
        a: first operand.
        b: second operand.
        a_activations: applied to ``a`` first.
        b_activations: applied to ``b`` first.
        activations: applied to the result.
    """
    left = _load(a, b, a_activations)
    right = _load(b, a, b_activations)
    return apply_all(function(left, right), activations)


def _load(operand: Tensor | float, other: Tensor | float, activations: Activations) -> torch.Tensor:
    if not isinstance(operand, Tensor):
        floating = not is_integer(operand) or (isinstance(other, Tensor) and other.dtype in FLOATS)
        value = torch.tensor(operand, dtype=torch.float32 if floating else torch.int64)
    else:
        value = operand.value
        # Integers are added in 64 bits and wrap when the result is rounded.
        value = value.to(torch.float32 if operand.dtype in FLOATS else torch.int64)
    return apply_all(value, activations)


def require_operands(name: str, a: Tensor | float, b: Tensor | float) -> tuple[Tensor, Device]:
    """The tensor whose dtype and memory the output has, and the device."""
    reference = a if isinstance(a, Tensor) else b
    if not isinstance(reference, Tensor):
        raise IncompatibleArguments
    for letter, operand in (("A", a), ("B", b)):
        if not isinstance(operand, Tensor):
            continue
        storage = operand.storage_type()
        if storage is not StorageType.DEVICE:
            raise OperationRefused(
                f"Input tensor {letter} must be on device, got storage type: "
                f"StorageType::{storage.name}",
                "Move the tensor with ttnn.to_device(tensor, device).",
                operation=name,
            )
        if not operand.is_allocated():
            raise OperationRefused(
                f"Input Tensor {letter} is not allocated",
                "Keep the tensor until its last use.",
                operation=name,
            )
    device = reference.device()
    assert device is not None  # checked above
    return reference, device


def check_output_dtype(dtype: DataType | None, output: Tensor | None) -> None:
    """Refuse a dtype beside a supplied output of another one.

    Raises:
        OperationRefused: they differ.
    """
    if dtype is not None and output is not None and dtype is not output.dtype:
        raise OperationRefused(
            "If both output dtype and output tensor are provided, their dtypes should match",
            "Leave one of them out.",
        )


def is_integer(number: float) -> bool:
    """Whether TTNN takes a number for an integer: one of 32 bits, signed or unsigned.

    Beside a tensor of either kind its bits count. A larger one is a float to TTNN.
    """
    return isinstance(number, int) and -(2**31) <= number < 2**32


def check_scalar(name: str | None, dtype: DataType, number: float) -> None:
    """Refuse a float that an integer tensor can't be combined with.

    Args:
        name: TTNN's name of the binary operation, or None for ``where``.
        dtype: of the tensor.
        number: the float, which TTNN rounds to float32 first.

    Raises:
        OperationRefused: it is no integer, or out of the dtype's range.
    """
    limits = _EXACT_SCALAR.get(dtype)
    if limits is None:
        return
    scalar = torch.tensor(float(number), dtype=torch.float32).item()
    if not math.isfinite(scalar) or scalar != int(scalar) or not (limits[0] <= scalar <= limits[1]):
        subject = "ttnn.where" if name is None else f"Binary operation BinaryOpType::{name}"
        raise OperationRefused(
            f"{subject} with a DataType::{dtype.name} tensor cannot represent the scalar "
            f"{scalar}: only a finite integer within the range of DataType::{dtype.name} is "
            "supported",
            "Pass such an integer, or convert the tensor with ttnn.typecast.",
            scalar=scalar,
            dtype=dtype,
        )


def _output_layout(a: Tensor | float, b: Tensor | float) -> Layout:
    """Row major only if every tensor is; TTNN tilizes the other one of a mixed pair."""
    tensors = [t for t in (a, b) if isinstance(t, Tensor)]
    row_major = all(t.layout is Layout.ROW_MAJOR for t in tensors)
    return Layout.ROW_MAJOR if row_major else Layout.TILE
