"""What a frame store says of itself, read and checked when it is opened; `egotap_pl.data.store.reader` reads frames."""

from __future__ import annotations

from egotap_pl.core.errors import EgotapError
from egotap_pl.core.hdf5 import Hdf5File
from egotap_pl.core.limits import GIB, HEADER_BYTES, STORE_LABEL_BYTES, TEXT_BYTES
from egotap_pl.data.store.images import REMEDY
from egotap_pl.data.store.schema import FORMAT, METADATA, NAMES, SCHEMA_VERSION, StoreHeader, label_columns


def read_header(file: Hdf5File) -> tuple[StoreHeader, dict[str, tuple[str, ...]], int]:
    """Checks that a file is a frame store, and returns its header, its lists of names and its number of frames."""
    version = file.attribute("version")
    if file.attribute("format") != FORMAT or not isinstance(version, int):
        raise EgotapError(f"{file.path} is an HDF5 file, but not a frame store; {REMEDY}")
    if version > SCHEMA_VERSION:
        raise EgotapError(
            f"{file.path} is a frame store of version {version}, but this program reads versions up to "
            f"{SCHEMA_VERSION}: update egotap-pl"
        )
    metadata = file.texts(METADATA, HEADER_BYTES)
    try:
        (text,) = metadata
        header = StoreHeader.from_json(text)
    except (LookupError, TypeError, ValueError, AttributeError, EgotapError) as error:
        raise file.bad(f"the metadata are incomplete or damaged ({error})") from error
    names = {column: file.texts(f"names/{column}", TEXT_BYTES) for column in NAMES}
    columns = label_columns(header.skeleton.num_joints)
    datasets = {column: file.dataset(column) for column in (*columns, "images")}
    frames = (*datasets["pose_cm"].shape, 0)[0]
    wrong = [
        column
        for column, (dtype, shape) in columns.items()
        if datasets[column].shape != (frames, *shape) or datasets[column].dtype != dtype
    ]
    if not header.codec.fits(datasets["images"], frames, header.image_px):
        wrong.append("images")
    if wrong:
        raise file.bad(f"wrong shape or type of {', '.join(wrong)}")
    if sum(datasets[column].nbytes for column in columns) > STORE_LABEL_BYTES:
        raise file.bad(f"labels of {frames} frames take more than {STORE_LABEL_BYTES // GIB} GiB")
    return header, names, frames
