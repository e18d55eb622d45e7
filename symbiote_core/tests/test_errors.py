from __future__ import annotations

import pytest

import symbiote_core
from symbiote_core import errors

CLASSES = [
    value
    for value in vars(errors).values()
    if isinstance(value, type) and issubclass(value, errors.SymbioteError)
]


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_every_error_is_public_and_is_a_built_in_too(cls: type[Exception]) -> None:
    assert getattr(symbiote_core, cls.__name__) is cls
    if cls is not errors.SymbioteError:
        built_ins = {ValueError, TypeError, LookupError, RuntimeError}
        assert built_ins & set(cls.__mro__)


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_every_error_has_a_docstring_of_its_own(cls: type[Exception]) -> None:
    assert cls.__doc__
    assert cls.__doc__ != cls.__mro__[1].__doc__
