from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from plain_layers import DECODERS, normed, settled
from tiny_lifter import ENCODERS, HEATMAP_PX, JOINT_DIM, random_heatmaps

from egotap_pl.core.errors import EgotapError
from egotap_pl.nn.autoencoder import MapDecoder

READS = {"cnn": "embedding", "channel_vit": "embedding", "grid_vit": "per_joint", "release_grid_vit": "per_joint"}
close = torch.testing.assert_close


@pytest.mark.parametrize(("encoder", "decoder"), READS.items())
def test_decoders_rebuild_heatmaps_from_every_encoder(skeleton, encoder, decoder):
    network = ENCODERS[encoder](skeleton, HEATMAP_PX, JOINT_DIM)
    maps, _ = random_heatmaps(skeleton, 3)
    assert DECODERS[decoder](encoder=network)(network(maps)).shape == maps.shape


@pytest.mark.parametrize(("encoder", "decoder"), READS.items())
def test_a_decoder_for_the_other_kind_of_encoder_is_refused(skeleton, encoder, decoder):
    (other,) = DECODERS.keys() - {decoder}
    with pytest.raises(EgotapError, match=f"choose the decoder {decoder}"):
        DECODERS[other](encoder=ENCODERS[encoder](skeleton, HEATMAP_PX, JOINT_DIM))


def test_decoder_written_out_with_functions():
    net = settled(MapDecoder(5, 3, 8, channels=(4, 6), hidden_dims=(9, 7)))
    vector = torch.randn(2, 5)
    x = vector
    for linear, norm, _ in net.expand:
        x = F.leaky_relu(normed(F.linear(x, linear.weight, linear.bias), norm), 0.2)
    assert [linear.out_features for linear, _, _ in net.expand] == [7, 9, 6 * 2 * 2]
    x = x.view(2, 6, 2, 2)
    for deconv, norm, _ in net.deconvs:
        x = F.conv_transpose2d(x, deconv.weight, deconv.bias, stride=2, padding=1)
        x = F.leaky_relu(normed(x, norm), 0.2)
    close(net(vector), x)


def test_per_joint_decoder_reads_one_half_of_one_feature(skeleton):
    encoder = ENCODERS["grid_vit"](skeleton, HEATMAP_PX, JOINT_DIM)
    decoder = settled(DECODERS["per_joint"](encoder=encoder))
    features = torch.randn(2, skeleton.num_heatmap_joints, JOINT_DIM)
    maps, half = decoder(features), JOINT_DIM // 2
    close(maps[:, 0, 3], decoder.decode(features[:, 3, :half])[:, 0])
    close(maps[:, 1, 3], decoder.decode(features[:, 3, half:])[:, 0])
    changed = features.clone()
    changed[:, 5, half:] += 1
    differs = (decoder(changed) != maps).flatten(3).any(-1).any(0)
    assert differs.nonzero().tolist() == [[1, 5]]


def test_decoders_start_at_all_zero_heatmaps():
    assert not MapDecoder(5, 3, 8, channels=(4, 6), hidden_dims=(9,))(torch.randn(4, 5)).any()


def test_heatmaps_that_cannot_be_halved_are_refused():
    with pytest.raises(ValueError, match="halved 3 times"):
        MapDecoder(5, 3, 20, channels=(4, 6, 8), hidden_dims=(9,))
