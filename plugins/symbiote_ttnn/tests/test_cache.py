"""How caches on the device grow; what they hold is tested with the models that fill them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from symbiote_ttnn.cache import CacheFullError, Places

TOKENS = st.integers(1, 100_000)


@given(tokens=TOKENS, before=st.integers(0, 400).map(lambda steps: steps * 256))
def test_a_cache_grows_in_whole_steps_and_never_shrinks(tokens: int, before: int) -> None:
    places = Places().capacity_for(tokens, before)
    assert places % 256 == 0
    assert places >= max(tokens, before)
    if tokens > before:
        assert places >= 2 * before
    assert Places().capacity_for(tokens, places) == places


@given(limit=TOKENS, tokens=TOKENS)
def test_a_limit_is_all_there_is_from_the_start(limit: int, tokens: int) -> None:
    growth = Places(limit)
    assert limit <= growth.capacity_for(1) < limit + 32
    assert growth.capacity_for(1) % 32 == 0
    if tokens <= limit:
        growth.require(tokens)
        assert growth.capacity_for(tokens, growth.capacity_for(1)) == growth.capacity_for(1)
        return
    with pytest.raises(CacheFullError, match=f"holds {limit} tokens.*would make it {tokens}"):
        growth.require(tokens)
