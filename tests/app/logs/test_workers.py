"""The page's worker processes end with the cache that holds them."""

import pytest
import streamlit as st

from app.logs import data
from ops.logs.engines.execution.workers import Workers


def test_a_cleared_cache_closes_the_pool(monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[Workers] = []
    monkeypatch.setattr(Workers, "close", lambda pool: closed.append(pool))
    pool = data.workers()
    assert data.workers() is pool and not closed
    st.cache_resource.clear()
    assert closed == [pool]
