from __future__ import annotations

from urllib.error import URLError

import pytest
import torch
import torch.nn.functional as F

from egotap_pl.core.errors import EgotapError
from egotap_pl.nn.resnet import IMAGENET_URL, ResNet18, load_imagenet_weights

# torchvision's ResNet-18: name, output channels, input channels, kernel and batch normalisation of every convolution.
CONVS = """
conv1 64 3 7 bn1
layer1.0.conv1 64 64 3 layer1.0.bn1
layer1.0.conv2 64 64 3 layer1.0.bn2
layer1.1.conv1 64 64 3 layer1.1.bn1
layer1.1.conv2 64 64 3 layer1.1.bn2
layer2.0.conv1 128 64 3 layer2.0.bn1
layer2.0.conv2 128 128 3 layer2.0.bn2
layer2.0.downsample.0 128 64 1 layer2.0.downsample.1
layer2.1.conv1 128 128 3 layer2.1.bn1
layer2.1.conv2 128 128 3 layer2.1.bn2
layer3.0.conv1 256 128 3 layer3.0.bn1
layer3.0.conv2 256 256 3 layer3.0.bn2
layer3.0.downsample.0 256 128 1 layer3.0.downsample.1
layer3.1.conv1 256 256 3 layer3.1.bn1
layer3.1.conv2 256 256 3 layer3.1.bn2
layer4.0.conv1 512 256 3 layer4.0.bn1
layer4.0.conv2 512 512 3 layer4.0.bn2
layer4.0.downsample.0 512 256 1 layer4.0.downsample.1
layer4.1.conv1 512 512 3 layer4.1.bn1
layer4.1.conv2 512 512 3 layer4.1.bn2
"""


@pytest.fixture(scope="module")
def weights() -> dict[str, torch.Tensor]:
    """Random weights under torchvision's names, as in its file: with a classifier, without batch counters."""
    generator = torch.Generator().manual_seed(0)
    state = {"fc.weight": torch.zeros(1000, 512), "fc.bias": torch.zeros(1000)}
    for line in CONVS.split("\n")[1:-1]:
        conv, out, in_channels, kernel, norm = line.split()
        shape = (int(out), int(in_channels), int(kernel), int(kernel))
        state[f"{conv}.weight"] = torch.randn(shape, generator=generator) / (shape[1] * shape[2]) / 2
        for name in ("weight", "bias", "running_mean", "running_var"):
            state[f"{norm}.{name}"] = torch.rand(int(out), generator=generator) + 0.5
    return state


def reference(state: dict[str, torch.Tensor], x: torch.Tensor) -> list[torch.Tensor]:
    """ResNet-18 written out with functions."""

    def conv_bn(name, norm, x, stride):
        kernel = state[f"{name}.weight"]
        x = F.conv2d(x, kernel, stride=stride, padding=kernel.shape[-1] // 2)
        mean, var, weight, bias = (state[f"{norm}.{s}"] for s in ("running_mean", "running_var", "weight", "bias"))
        return F.batch_norm(x, mean, var, weight, bias)

    x = F.max_pool2d(F.relu(conv_bn("conv1", "bn1", x, 2)), 3, 2, 1)
    levels = []
    for level in range(1, 5):
        for block in range(2):
            name, stride = f"layer{level}.{block}", 2 if level > 1 and block == 0 else 1
            y = F.relu(conv_bn(f"{name}.conv1", f"{name}.bn1", x, stride))
            y = conv_bn(f"{name}.conv2", f"{name}.bn2", y, 1)
            if stride == 2:
                x = conv_bn(f"{name}.downsample.0", f"{name}.downsample.1", x, stride)
            x = F.relu(x + y)
        levels.append(x)
    return levels


def test_torchvisions_weights_load_and_compute_resnet18(weights, tmp_path):
    torch.save(weights, tmp_path / "resnet18.pth")
    backbone = ResNet18()
    load_imagenet_weights(backbone, tmp_path / "resnet18.pth")
    backbone.eval()
    images = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        for level, expected in zip(backbone(images), reference(weights, images), strict=True):
            torch.testing.assert_close(level, expected, atol=1e-3, rtol=1e-3)


def test_names_are_torchvisions(weights):
    ours = {name for name in ResNet18().state_dict() if not name.endswith("num_batches_tracked")}
    assert ours == {name for name in weights if not name.startswith("fc.")}


def test_strides_and_channels_of_a_narrow_backbone():
    pyramid = ResNet18(width=4)(torch.randn(2, 3, 64, 96))
    assert [tuple(level.shape) for level in pyramid] == [
        (2, 4, 16, 24),
        (2, 8, 8, 12),
        (2, 16, 4, 6),
        (2, 32, 2, 3),
    ]


@pytest.mark.parametrize(("width", "channels_last"), [(4, False), (8, False), (16, True), (64, True)])
def test_only_wide_ones_compute_channels_last(width, channels_last):
    """Whatever the images' own layout: oneDNN's convolutions of narrow ones are broken (see CHANNELS_LAST_WIDTH)."""
    for layout in (torch.contiguous_format, torch.channels_last):
        pyramid = ResNet18(width)(torch.randn(2, 3, 64, 64).contiguous(memory_format=layout))
        assert pyramid.stride8.is_contiguous(memory_format=torch.channels_last) is channels_last


def test_download_is_used_without_a_file(weights, monkeypatch):
    urls = []

    def download(url, **_):
        urls.append(url)
        return weights

    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", download)
    backbone = ResNet18()
    load_imagenet_weights(backbone, None)
    assert urls == [IMAGENET_URL]
    assert torch.equal(backbone.conv1.weight, weights["conv1.weight"])


def test_a_failed_download_names_the_alternatives(monkeypatch):
    def fail(*_, **__):
        raise URLError("no route to host")

    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", fail)
    with pytest.raises(EgotapError, match=r"(?s)could not download https.*FILE.*scale.initialise=null"):
        load_imagenet_weights(ResNet18(), None)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(EgotapError, match=r"nowhere\.pth.*scale.initialise=null"):
        load_imagenet_weights(ResNet18(), tmp_path / "nowhere.pth")


@pytest.mark.parametrize("content", [b"", b"not weights", b"PK\x03\x04 cut off"])
def test_an_unreadable_file_is_named(content, tmp_path):
    (tmp_path / "bad.pth").write_bytes(content)
    with pytest.raises(EgotapError, match=r"bad\.pth"):
        load_imagenet_weights(ResNet18(), tmp_path / "bad.pth")


def test_other_networks_weights_are_refused(weights, tmp_path):
    file = tmp_path / "other.pth"
    torch.save({name: tensor for name, tensor in weights.items() if not name.startswith("layer4")}, file)
    with pytest.raises(EgotapError, match=r"other\.pth does not hold"):
        load_imagenet_weights(ResNet18(), file)
    torch.save([1, 2], file)
    with pytest.raises(EgotapError, match=r"other\.pth does not hold a state dict"):
        load_imagenet_weights(ResNet18(), file)


def test_code_in_a_file_does_not_run(tmp_path):
    class Evil:
        def __reduce__(self):
            return (open, (str(tmp_path / "ran"), "w"))

    torch.save({"conv1.weight": Evil()}, tmp_path / "evil.pth")
    with pytest.raises(EgotapError, match=r"evil\.pth"):
        load_imagenet_weights(ResNet18(), tmp_path / "evil.pth")
    assert not (tmp_path / "ran").exists()


def test_imagenet_weights_are_refused_by_narrow_backbones():
    with pytest.raises(EgotapError, match="width 64, but this one has 16"):
        load_imagenet_weights(ResNet18(width=16), None)
