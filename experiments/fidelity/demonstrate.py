"""Show, by running published weights, where the release's lifter differs from the paper. See docs/fidelity.md.

python experiments/fidelity/demonstrate.py --source DIR     # a folder with best_net_AutoEncoder.pth (UnrealEgo, pu)
python experiments/fidelity/demonstrate.py                  # random weights: the wiring is the same
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from egotap_pl.core.skeleton import Skeleton, unrealego
from egotap_pl.interop import load_lifter
from egotap_pl.interop.egotap import release_lifter
from egotap_pl.nn.lifter import Lifter


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--source", type=Path, help="folder with best_net_AutoEncoder.pth; without it: random weights")
    parser.add_argument("--joint", default="upperarm_l", help="the joint whose feature is changed")
    source, joint = (arguments := parser.parse_args()).source, arguments.joint
    skeleton = unrealego()
    if joint not in skeleton.joints[1:]:
        parser.error(f"--joint: one of {', '.join(skeleton.joints[1:])}")
    torch.manual_seed(0)
    lifter: Any = release_lifter(skeleton).eval() if source is None else load_lifter("egotap", source, skeleton)
    print(f"weights: {source or 'random'}")
    with torch.inference_mode():
        show_order(lifter, skeleton, joint)
        show_rows(lifter, skeleton)


def show_order(lifter: Lifter, skeleton: Skeleton, joint: str) -> None:
    """Whose propagated feature changes when one joint's feature does."""
    number = skeleton.joints.index(joint)
    features = random_features(lifter, skeleton)
    moved = changed_by(lambda own, limb: lifter.propagation(own, limb), features, number)
    print(f"\n1. Changing the joint feature of {joint} changes the propagated features of")
    print(f"   measured: {names(skeleton, moved)}")
    print(f"   on the tree of the paper (eq. 9) it would be: {names(skeleton, skeleton.subtree(number))}")


def show_rows(lifter: Lifter, skeleton: Skeleton) -> None:
    """Which row of the pose a joint's own feature makes, the propagated features staying as they are."""
    own, limb = random_features(lifter, skeleton)
    propagated = lifter.propagation(own, limb)
    print("\n2. Row of the pose that a joint's own feature fills")
    for number in range(1, skeleton.num_joints):
        rows = [row - 1 for row in changed_by(lifter.head, (own, propagated), number)]
        print(f"   {skeleton.joints[number]:<11} fills {', '.join(skeleton.estimated_names[row] for row in rows)}")
    print(f"   {skeleton.estimated_names[-1]} comes from the global head alone")


def random_features(lifter: Lifter, skeleton: Skeleton) -> tuple[Tensor, Tensor]:
    shape = (1, skeleton.num_heatmap_joints, lifter.encoder.joint_dim)
    return torch.randn(shape), torch.randn(shape)


def changed_by(function, features: tuple[Tensor, Tensor], number: int) -> list[int]:
    """Numbers, from 1, of the rows of ``function``'s output that depend on the first feature of a joint."""
    own, second = features
    other = own.clone()
    other[:, number - 1] += 1
    differs = (function(other, second) != function(own, second)).any(-1)[0]
    return [row + 1 for row in differs.nonzero().flatten().tolist()]


def names(skeleton: Skeleton, joints) -> str:
    return ", ".join(skeleton.joints[joint] for joint in joints)


if __name__ == "__main__":
    main()
