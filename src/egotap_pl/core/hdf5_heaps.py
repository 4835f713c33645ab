"""Checks the heaps of HDF5 files, where values of variable length are stored.

HDF5 has no checksum of a heap, and follows its list of objects without end where the list is overwritten with zeros, as
after a power failure. The layout is that of the format's specification, version 1.0 of object headers and heaps, which
HDF5 writes unless it is asked for another.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator

import h5py

_SIGNATURE = b"GCOL"
_HEADER_BYTES, _OBJECT_BYTES = 16, 16
_CELL_BYTES = 16
_READ_BYTES = 2**16
"""How much of a heap is read at a time: HDF5's usual heaps at once, and no more of one that only claims to be large."""
_ATTRIBUTE, _CONTINUATION = 0x000C, 0x0010
_MOST_BLOCKS = 100
"""Largest number of blocks of an object header that are followed."""


def objects_of_heap(descriptor: int, address: int) -> set[int]:
    """Follow the list of objects of a heap, as HDF5 does when it reads one of them.

    Args:
        descriptor: of the open file.
        address: where the heap begins.

    Returns:
        The objects' numbers; none if there is no heap.

    Raises:
        OSError: if the list does not lead from the heap's beginning to its end.
    """
    header = os.pread(descriptor, _HEADER_BYTES, address) if address < 2**63 else b""
    if len(header) < _HEADER_BYTES or not header.startswith(_SIGNATURE):
        return set()
    (size,) = struct.unpack_from("<Q", header, 8)
    place, first, block = _HEADER_BYTES, 0, b""
    numbers = set()
    while place + _OBJECT_BYTES <= size:
        if place + _OBJECT_BYTES > first + len(block):
            first, block = place, os.pread(descriptor, _READ_BYTES, address + place)
        if len(block) < _OBJECT_BYTES:
            raise OSError("a heap ends after the end of the file")
        number, _, _, length = struct.unpack_from("<HHIQ", block, place - first)
        numbers.add(number)
        step = length if number == 0 else _OBJECT_BYTES + (length + 7) // 8 * 8  # object 0 is the free space
        if step < _OBJECT_BYTES:
            raise OSError("a heap's list of objects is overwritten")
        place += step
    return numbers


def check_heaps_of_attributes(owner: h5py.HLObject) -> None:
    """Check the heaps that the attributes of a file, group or dataset are stored in.

    Args:
        owner: the file, group or dataset.

    Raises:
        OSError: if one is damaged.
    """
    descriptor = h5py.h5i.get_file_id(owner.id).get_vfd_handle()
    for kind, content in _messages(descriptor, h5py.h5o.get_info(owner.id).addr):
        if kind == _ATTRIBUTE and len(content) >= _CELL_BYTES:  # a text's length, heap and object are at its end
            objects_of_heap(descriptor, struct.unpack_from("<Q", content, len(content) - 12)[0])


def _messages(descriptor: int, address: int) -> Iterator[tuple[int, bytes]]:
    """Kind and content of the messages of an object header; none if the header is of another version."""
    prefix = os.pread(descriptor, 16, address)
    if len(prefix) < 16 or prefix[0] != 1:
        return
    blocks = [(address + 16, struct.unpack_from("<I", prefix, 8)[0])]
    for start, size in blocks:
        block, place = os.pread(descriptor, min(size, 2**20), min(start, 2**62)), 0
        while place + 8 <= len(block):
            kind, length = struct.unpack_from("<HH", block, place)
            content = block[place + 8 : place + 8 + length]
            if kind == _CONTINUATION and len(content) >= 16 and len(blocks) < _MOST_BLOCKS:
                blocks.append(struct.unpack_from("<QQ", content))
            yield kind, content
            place += 8 + length
