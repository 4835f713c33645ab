from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from egotap_pl.core.skeleton import Skeleton, egocap, unrealego


@pytest.fixture(autouse=True)
def _seeded_on_one_thread() -> Iterator[None]:
    """Seeds torch and uses one thread: networks this small are slower on several."""
    torch.manual_seed(0)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(params=[unrealego, egocap], ids=lambda make: make.__name__)
def skeleton(request) -> Skeleton:
    return request.param()
