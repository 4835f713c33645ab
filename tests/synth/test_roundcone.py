"""Rays and body parts: the closed form compared with the definition, a sweep of spheres."""

import torch

from egotap_pl.synth.roundcone import MISS, RoundCones, meet


def swept_spheres(start, end, radii, thin, thinness, rays):
    """First hits by brute force: on the union of many spheres between the two, in the stretched space."""
    stretch = torch.eye(3, dtype=torch.float64) + (thinness - 1) * thin[:, None] * thin[None]
    start, end, rays = stretch @ start, stretch @ end, rays @ stretch
    s = torch.linspace(0, 1, 4001, dtype=torch.float64)[:, None]
    centres, r = start + s * (end - start), radii[0] + s[:, 0] * (radii[1] - radii[0])
    q = rays.square().sum(-1)[None]
    towards = centres @ rays.T
    h = towards.square() - q * (centres.square().sum(-1) - r.square())[:, None]
    t = torch.where(h > 0, (towards - h.clamp(min=0).sqrt()) / q, torch.inf)
    return t.where(t > 0, torch.inf).amin(0)


def random_part(generator, apart):
    def uniform(*shape):
        return torch.rand(*shape, generator=generator, dtype=torch.float64)

    start = torch.tensor((0.0, 0.0, 60.0)) + 30 * (uniform(3) - 0.5)
    end = start + apart * torch.nn.functional.normalize(uniform(3) - 0.5, dim=0)
    thin = torch.nn.functional.normalize(uniform(3) - 0.5, dim=0)
    return start, end, 3 + 6 * uniform(2), thin, 1 + 1.5 * uniform(1)[0]


def test_first_hits_equal_those_of_swept_spheres():
    generator = torch.Generator().manual_seed(1)
    hits = 0
    for apart in (0.5, 8.0, 15.0, 40.0) * 5:
        start, end, radii, thin, thinness = random_part(generator, apart)
        aims = (start + end) / 2 + 0.8 * (apart + 10) * (torch.rand(400, 3, generator=generator).double() - 0.5)
        rays = torch.nn.functional.normalize(aims, dim=-1)
        expected = swept_spheres(start, end, radii, thin, thinness, rays)
        single = [x.float()[None] for x in (start, end, thin, thinness, radii)]
        cones = RoundCones.prepare(*single)
        distance = meet(cones.vectors @ rays.T.float(), cones.constants)[0].double()
        both = (distance < MISS) & (expected < MISS)
        hits += int(both.sum())
        assert (distance[both] - expected[both]).abs().max() < 0.1
        # Only rays that graze the outline may differ.
        assert ((distance < MISS) != (expected < MISS)).float().mean() < 0.01
    assert hits > 2000


def test_rays_along_the_axis_meet_the_nearer_end():
    ray = torch.tensor([[0.0, 0.0, 1.0]])
    for radii, first in (((5.0, 2.0), 25.0), ((2.0, 5.0), 28.0), ((3.0, 3.0), 27.0)):
        cones = RoundCones.prepare(
            torch.tensor([[0.0, 0.0, 30.0]]),
            torch.tensor([[0.0, 0.0, 60.0]]),
            torch.tensor([[1.0, 0.0, 0.0]]),
            torch.tensor([1.0]),
            torch.tensor([radii]),
        )
        torch.testing.assert_close(meet(cones.vectors @ ray.T, cones.constants), torch.tensor([[first]]))


def test_parts_around_and_behind_the_camera_are_not_hit():
    ray = torch.tensor([[0.0, 0.0, 1.0]])
    for z in (0.0, -30.0):
        cones = RoundCones.prepare(
            torch.tensor([[-5.0, 0.0, z]]),
            torch.tensor([[5.0, 0.0, z]]),
            torch.tensor([[0.0, 1.0, 0.0]]),
            torch.tensor([1.0]),
            torch.tensor([[4.0, 3.0]]),
        )
        assert meet(cones.vectors @ ray.T, cones.constants).item() == MISS
