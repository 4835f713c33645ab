from __future__ import annotations

import pytest
import torch

from egotap_pl.core.skeleton import Skeleton, egocap, unrealego


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


@pytest.fixture(params=[unrealego, egocap], ids=lambda make: make.__name__)
def skeleton(request) -> Skeleton:
    return request.param()
