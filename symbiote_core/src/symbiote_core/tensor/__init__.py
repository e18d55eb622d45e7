"""Tensors that go through torch code while their values stay on the device."""

from symbiote_core.tensor.handlers import AtenHandler, HandlerTable
from symbiote_core.tensor.wrapper import TorchTTNNTensor

__all__ = ["AtenHandler", "HandlerTable", "TorchTTNNTensor"]
