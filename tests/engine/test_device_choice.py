"""Which devices a training gets, and what is said if the machine does not have them."""

from __future__ import annotations

import pytest
import torch

from egotap_pl.core.errors import EgotapError
from egotap_pl.engine.devices.choice import device_count


@pytest.mark.parametrize(
    ("here", "advice"), [(0, "use trainer.accelerator=cpu, or trainer=cpu"), (1, "ask for fewer devices")]
)
def test_too_few_gpus(here: int, advice: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: here)
    with pytest.raises(EgotapError, match=f"has {here} GPUs; {advice}"):
        device_count(2, "gpu")
