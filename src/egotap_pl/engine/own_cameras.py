"""The user's own cameras and mount, for data that are rendered."""

from __future__ import annotations

from egotap_pl.core.errors import EgotapError
from egotap_pl.engine.build import Spec
from egotap_pl.engine.specs import accepts, check_spec

_MOUNTS = {f"egotap_pl.synth.mount.{name}": name for name in ("glasses", "stick")}
"""Mounts of the built-in data sets, by their classes."""


def with_own_cameras(config: Spec) -> Spec:
    """The node ``data``, with the rig file and the mount that were chosen in its source.

    Args:
        config: the whole configuration, with the keys ``data``, ``rig`` and, if one was chosen, ``mount``.

    Raises:
        EgotapError: if a rig or a mount was chosen, and the frames of the data set are not rendered.
    """
    data: Spec = config["data"]
    rig, mount = config.get("rig"), config.get("mount") or None
    if rig is None and mount is None:
        return data
    key = f"rig={rig}" if rig is not None else "mount"
    if "source" not in data:
        raise EgotapError(f"{key}: there is nothing to render with it; give data=egosynth, too")
    if rig is not None and not isinstance(rig, str):
        raise EgotapError(f"{key}: must be the name of a rig file (docs/cameras.md)")
    if "root" in data and data["root"] is None:
        raise EgotapError(f"{key}: prepared data have the rig that they were rendered with: leave out rig and mount")
    if not accepts(data["source"], "rig", "data.source"):
        raise EgotapError(
            f"{key}: {data['name']}'s images were taken by its own cameras, whose rig it has; rig files and mounts are "
            "for images that are rendered, data=egosynth"
        )
    check_spec(mount, "mount")
    chosen = {name: value for name, value in {"other_mount": mount, "rig": rig}.items() if value is not None}
    return {**data, "source": {**data["source"], **chosen}}


def unplaced_rig(source: Spec) -> str | None:
    """A warning where a rig of the user's own is put on a mount that nobody chose; None otherwise.

    Args:
        source: spec of a data set's source, from `with_own_cameras`.
    """
    rig, chosen, mount = source.get("rig"), source.get("other_mount"), source.get("mount")
    if rig is None or chosen is not None or mount not in [{"_target_": target} for target in _MOUNTS]:
        return None
    return (
        f"rig={rig} without mount=...: its cameras are where those of mount={_MOUNTS[mount['_target_']]} are on the "
        "head. Say where yours are: mount=headset (docs/own-headset.md), mount=glasses or mount=stick"
    )
