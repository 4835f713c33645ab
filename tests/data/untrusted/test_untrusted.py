"""Files from outside: data are read, everything else is refused with the file's name, and nothing is executed."""

from __future__ import annotations

import builtins
import functools
import io
import operator
import os
import pickle
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from memory import run_within
from PIL import Image

from egotap_pl.core.errors import EgotapError
from egotap_pl.core.limits import MIB
from egotap_pl.data.untrusted.readers import load_npy, read_bytes, read_image, read_json, read_text

SENTINEL: list[str] = []


def harm(*arguments: Any) -> Any:
    """What an attacker wants to execute."""
    SENTINEL.append("executed")
    return np.zeros(())


class Call:
    """An object whose pickle is a call."""

    def __init__(self, function: Callable[..., Any], *arguments: Any, state: Any = None) -> None:
        self.parts = (function, arguments) if state is None else (function, arguments, state)

    def __reduce__(self) -> Any:
        return self.parts


def frame() -> dict[str, Any]:
    random = np.random.default_rng(0)
    return {
        "input_rgb_left": random.normal(size=(3, 8, 8)).astype(np.float32),
        "fortran": np.asfortranarray(random.normal(size=(2, 5))),
        "gt_local_pose": random.normal(size=(16, 3)),
        "big endian": np.arange(5, dtype=">i4"),
        "empty": np.zeros((0, 3), np.float32),
        "bool": np.array([True, False]),
        "scalar": np.float32(0.25),
        "names": ["a", ("b", 3, None, True)],
        "text": np.array(["left", "right"]),
        "objects": np.array([1, "x", None], dtype=object),
    }


def assert_same(actual: Any, expected: Any) -> None:
    assert type(actual) is type(expected)
    if isinstance(expected, dict):
        assert list(actual) == list(expected)
        for key, value in expected.items():
            assert_same(actual[key], value)
    elif isinstance(expected, np.ndarray):
        assert actual.dtype == expected.dtype
        np.testing.assert_array_equal(actual, expected)
    else:
        assert actual == expected


def write_npy(path: Path, pickled: bytes, shape: tuple[int, ...] = ()) -> Path:
    """Writes an npy file of objects around any pickle."""
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, {"descr": "|O", "fortran_order": False, "shape": shape})
        file.write(pickled)
    return path


def test_reads_what_numpy_saves(tmp_path: Path) -> None:
    path = tmp_path / "frame_1.npy"
    whole: Any = frame()
    np.save(path, whole, allow_pickle=True)
    array = load_npy(path, MIB)
    assert array.shape == ()
    assert_same(array.item(), frame())


@pytest.mark.parametrize("protocol", range(6))
def test_reads_every_protocol(tmp_path: Path, protocol: int) -> None:
    path = write_npy(tmp_path / "f.npy", pickle.dumps(np.array(frame(), dtype=object), protocol))
    assert_same(load_npy(path, MIB).item(), frame())


@pytest.mark.parametrize("protocol", [2, 3])
def test_reads_names_of_numpy_1(tmp_path: Path, protocol: int) -> None:
    pickled = pickle.dumps(np.array(frame(), dtype=object), protocol)
    assert b"numpy._core" in pickled or b"numpy.core" in pickled
    path = write_npy(tmp_path / "f.npy", pickled.replace(b"numpy._core", b"numpy.core"))
    assert_same(load_npy(path, MIB).item(), frame())


@pytest.mark.parametrize(
    "array", [np.arange(6.0).reshape(2, 3), np.asfortranarray(np.arange(6).reshape(2, 3)), np.ones(())]
)
def test_reads_plain_arrays(tmp_path: Path, array: np.ndarray) -> None:
    np.save(tmp_path / "a.npy", array)
    assert_same(load_npy(tmp_path / "a.npy", MIB), array)


def object_array(item: Any) -> np.ndarray:
    array = np.empty((), object)
    array[()] = item
    return array


# Each of these would execute `harm` or a shell, or read or write files, if it were unpickled.
GADGETS = {
    "reduce": Call(harm),
    "reduce in the dict": object_array({"gt_local_pose": Call(harm)}),
    "nested": object_array({"a": [(1, {"b": object_array([Call(harm)])})]}),
    "dict key": object_array({Call(harm, 1): 1}),
    "os.system": Call(os.system, "touch {sentinel}"),
    "eval": Call(eval, "open('{sentinel}', 'w')"),
    "exec": object_array([Call(exec, "open('{sentinel}', 'w')")]),
    "getattr": Call(getattr, Call, "__init__"),
    "getattr chain": Call(getattr, Call(getattr, Call(__import__, "os"), "path"), "join"),
    "operator": Call(operator.methodcaller("system", "touch {sentinel}"), os)
    if False
    else Call(operator.attrgetter, "x"),
    "partial": Call(functools.partial(harm)),
    "builtins map": Call(builtins.map, harm, [1]),
    "type": Call(type, "X", (), {}),
    "state": Call(np.ndarray, (1,), state={"__class__": 1}),
    "numpy.load": Call(np.load, "{sentinel}"),
    "numpy.fromfile": Call(np.fromfile, "/etc/passwd", "u1"),
    "numpy.save": Call(np.save, "{sentinel}", 1),
    "numpy.vectorize": Call(np.vectorize, harm),
    "numpy.apply_along_axis": Call(np.apply_along_axis, harm, 0, np.zeros(1)),
    "numpy.frompyfunc": Call(np.frompyfunc, harm, 1, 1),
    "numpy.memmap": Call(np.memmap, "{sentinel}", "u1", "w+", 0, (1,)),
    "numpy.testing": Call(np.testing.assert_raises, Exception, harm),
    "numpy.ndarray": Call(np.ndarray, (2,), np.dtype("f8")),
}


@pytest.mark.parametrize("protocol", [0, 2, 4, 5])
@pytest.mark.parametrize("gadget", GADGETS)
def test_refuses_gadgets(tmp_path: Path, gadget: str, protocol: int) -> None:
    SENTINEL.clear()
    try:
        pickled = pickle.dumps(GADGETS[gadget], protocol)
    except (pickle.PicklingError, TypeError, AttributeError):
        pytest.skip("this protocol cannot write it")
    sentinel = tmp_path / "sentinel"
    path = write_npy(tmp_path / "frame_7.npy", pickled.replace(b"{sentinel}", bytes(sentinel)))
    with pytest.raises(EgotapError, match=r"frame_7\.npy is (refused|damaged)"):
        load_npy(path, MIB)
    assert not SENTINEL
    assert not sentinel.exists()


def test_gadgets_are_armed(tmp_path: Path) -> None:
    """Python's own unpickler does execute what the test above refuses."""
    SENTINEL.clear()
    np.load(write_npy(tmp_path / "f.npy", pickle.dumps(GADGETS["nested"])), allow_pickle=True)
    assert SENTINEL


def text(string: str) -> bytes:
    return b"\x8c" + bytes([len(string)]) + string.encode()


def stack_global(module: str, name: str) -> bytes:
    return text(module) + text(name) + b"\x93"


DTYPE = b"cnumpy\ndtype\n"
ARRAY = b"cnumpy._core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(K\x00tC\x01btR"
HAND_MADE = {
    "dotted name": b"\x80\x04" + stack_global("numpy", "ndarray.__class__") + b"(tR.",
    "dotted name of an allowed one": b"\x80\x04" + stack_global("numpy", "dtype.__init__.__globals__") + b".",
    "dotted module": b"\x80\x04" + stack_global("numpy._core.multiarray", "_reconstruct.__globals__") + b".",
    "dtype.type": b"\x80\x04" + stack_global("numpy", "dtype.type") + b".",
    "instance": b"(S'echo'\nios\nsystem\n.",
    "object": b"(cos\nsystem\nS'echo'\no.",
    "new object": b"\x80\x02cnumpy\nndarray\n)\x81.",
    "persistent": b"Pname\n.",
    "extension": b"\x80\x02\x82\x01.",
    "buffer": b"\x80\x05\x97.",
    "a class, not data": b"cnumpy\nndarray\n.",
    "call of the array class": b"cnumpy\nndarray\n((K\x02ttR.",
    "state on a name": b"cnumpy\ndtype\n}X\x04\x00\x00\x00codeNsb.",
    "call of data": b"(lp0\n(tR.",
    "object dtype hidden by flags": DTYPE
    + b"(X\x02\x00\x00\x00O8I0\nI1\ntR(I3\nX\x01\x00\x00\x00|NNNI-1\nI-1\nI0\ntb.",
    "structured dtype": DTYPE + b"(X\x03\x00\x00\x00V16I0\nI1\ntR.",
    "dtype from code": DTYPE + b"(X\x04\x00\x00\x00f8,OI0\nI1\ntR.",
    "dtype with fields": DTYPE
    + b"(X\x02\x00\x00\x00f8I0\nI1\ntR(I3\nX\x01\x00\x00\x00<N(X\x01\x00\x00\x00at}I8\nI1\nI0\ntb.",
    "pointers as bytes": ARRAY + b"(K\x01(K\x01t" + DTYPE + b"(X\x02\x00\x00\x00O8tR\x89C\x08AAAAAAAAtb.",
    "absurd shape": ARRAY
    + b"(K\x01(J\xff\xff\xff\x7fJ\xff\xff\xff\x7ft"
    + DTYPE
    + b"(X\x02\x00\x00\x00f8tR\x89C\x08AAAAAAAAtb.",
    "negative shape": ARRAY + b"(K\x01(I-1\nt" + DTYPE + b"(X\x02\x00\x00\x00f8tR\x89C\x08AAAAAAAAtb.",
    "strings without a size": ARRAY + b"(K\x01(J\xff\xff\xff\x7ft" + DTYPE + b"(X\x02\x00\x00\x00S0tR\x89C\x00tb.",
    "array without a state": ARRAY + b".",
    "huge memo index": b"\x80\x02]r\xff\xff\xff\xff" + b"cos\nsystem\n.",
    "huge length": b"\x80\x04\x8e\xff\xff\xff\xff\xff\xff\xff\x7f",
    "cycle": b"\x80\x02]q\x00h\x00a.",
    "laughs": b"\x80\x04]\x94" + b"".join(b"]\x94(h%c" % i + b"h%c" % i * 9 + b"e" for i in range(12)) + b".",
    "tuple key": b"}(K\x01K\x02tK\x03s.",
    "mark missing": b"t.",
    "stack empty": b"R.",
    "no stop": b"\x80\x02K\x01",
    "nothing": b"",
    "garbage": bytes(range(255, 0, -1)),
    "many opcodes": b"\x80\x02" + b"]0" * 150_000 + b"N.",
}


@pytest.mark.parametrize("name", HAND_MADE)
def test_refuses_hand_made_pickles(tmp_path: Path, name: str) -> None:
    path = write_npy(tmp_path / "frame_9.npy", HAND_MADE[name])
    with pytest.raises(EgotapError, match=r"frame_9\.npy is (refused|damaged)"):
        load_npy(path, MIB)


MULTIARRAY = b"cnumpy._core.multiarray\n"


def put(number: int) -> bytes:
    return b"q" + bytes([number])


def get(number: int) -> bytes:
    return b"h" + bytes([number])


def many(memo: bytes, item: bytes, times: int) -> bytes:
    """A pickle of a list with many items, each made from what was put into the memo."""
    return b"\x80\x02(" + memo + b"](" + item * times + b"et."


def long_text(size: int) -> bytes:
    return b"X" + struct.pack("<I", size) + b"x" * size + put(0)


LATIN1 = b"X\x06\x00\x00\x00latin1" + put(2)
S99999 = DTYPE + b"(X\x06\x00\x00\x00S99999I0\nI1\ntR" + put(3)
# Small pickles that would take gigabytes.
BOMBS = {
    "encoded often": many(
        long_text(8 * MIB) + b"c_codecs\nencode\n" + put(1) + LATIN1,
        get(1) + get(0) + get(2) + b"\x86R",
        20_000,
    ),
    "scalars": many(
        long_text(99_999) + MULTIARRAY + b"scalar\n" + put(1) + S99999, get(1) + get(3) + get(0) + b"\x86R", 40_000
    ),
    "arrays of one text": many(
        long_text(8 * MIB),
        ARRAY
        + b"(K\x01(J"
        + struct.pack("<I", MIB)
        + b"t"
        + DTYPE
        + b"(X\x02\x00\x00\x00S8I0\nI1\ntR\x89"
        + get(0)
        + b"tb",
        3_000,
    ),
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_pickle_makes_at_most_a_few_times_its_size(tmp_path: Path, name: str) -> None:
    path = write_npy(tmp_path / "frame_3.npy", BOMBS[name])
    run_within(250, refused, path, "its data take more than .* MiB, far more than the file itself")


def refused(path: Path, message: str) -> None:
    with pytest.raises(EgotapError, match=rf"frame_3\.npy is refused: {message}"):
        load_npy(path, 16 * MIB)


def test_the_largest_files_are_read_in_every_protocol(tmp_path: Path) -> None:
    """Protocols that write bytes as text take the most memory."""
    content = {"random": np.random.default_rng(0).integers(0, 256, 2 * MIB, np.uint8), "zeros": np.zeros(2 * MIB, "u1")}
    for protocol in range(6):
        path = write_npy(tmp_path / "f.npy", pickle.dumps(np.array(content, dtype=object), protocol))
        assert_same(load_npy(path, 16 * MIB).item(), content)


@pytest.mark.parametrize("order", "<>")
def test_characters_that_unicode_does_not_have(tmp_path: Path, order: str) -> None:
    text = np.array(["ab", "c\U0010ffff"]).astype(f"{order}U2")
    np.save(tmp_path / "good.npy", text)
    assert_same(load_npy(tmp_path / "good.npy", MIB), text)
    content = (tmp_path / "good.npy").read_bytes().replace(struct.pack(f"{order}I", 0x10FFFF), b"\x7f\x11\x11\x7f")
    (tmp_path / "bad.npy").write_bytes(content)
    with pytest.raises(EgotapError, match="a character that Unicode does not have"):
        load_npy(tmp_path / "bad.npy", MIB)
    pickled = pickle.dumps(np.array({"a": text}, dtype=object), 4)
    pickled = pickled.replace(struct.pack(f"{order}I", 0x10FFFF), b"\x7f\x11\x11\x7f")
    with pytest.raises(EgotapError, match="a character that Unicode does not have"):
        load_npy(write_npy(tmp_path / "pickled.npy", pickled), MIB)


def test_every_truncation_is_refused(tmp_path: Path) -> None:
    whole: Any = frame()
    np.save(tmp_path / "whole.npy", whole, allow_pickle=True)
    whole = (tmp_path / "whole.npy").read_bytes()
    for length in range(0, len(whole) - 1, 37):
        (tmp_path / "cut.npy").write_bytes(whole[:length])
        with pytest.raises(EgotapError, match=r"cut\.npy"):
            load_npy(tmp_path / "cut.npy", MIB)


def test_with_any_byte_changed_a_file_is_read_or_refused(tmp_path: Path) -> None:
    whole: Any = {"a": np.arange(3.0), "b": np.float32(1), "c": [1, "x"]}
    np.save(tmp_path / "whole.npy", whole, allow_pickle=True)
    whole = (tmp_path / "whole.npy").read_bytes()
    random = np.random.default_rng(0)
    for place in range(len(whole)):
        changed = bytearray(whole)
        changed[place] ^= int(random.integers(1, 256))
        (tmp_path / "changed.npy").write_bytes(changed)
        try:
            load_npy(tmp_path / "changed.npy", MIB)
        except EgotapError as error:
            assert "changed.npy" in str(error)  # noqa: PT017


def npy(descr: str, shape: tuple[int, ...], content: bytes) -> bytes:
    buffer = io.BytesIO()
    header = {"descr": descr, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(buffer, header)
    return buffer.getvalue() + content


@pytest.mark.parametrize(
    "data",
    [
        npy("<f8", (10**12,), b"\0" * 64),
        npy("<f8", (-8,), b"\0" * 64),
        npy("<U0", (10**12,), b""),
        npy("|V8", (1,), b"\0" * 8),
        npy("<M8[s]", (1,), b"\0" * 8),
        npy("|O", (10**9,), b"N."),
        npy("<f8", (1,) * 65, b"\0" * 8),
        npy("<f8", (1,) * 33, b"\0" * 8),
        b"\x93NUMPY\x01\x00\xff\xff" + b"(" * 65535,
        b"\x93NUMPY\x07\x00" + b" " * 100,
        b"PK\x03\x04",
        b"",
    ],
    ids=range(12),
)
def test_refuses_bad_npy(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "bad.npy"
    path.write_bytes(data)
    with pytest.raises(EgotapError, match=r"bad\.npy"):
        load_npy(path, MIB)


def test_refuses_structured_npy(tmp_path: Path) -> None:
    np.save(tmp_path / "s.npy", np.zeros(2, [("a", "f4"), ("b", "O")]), allow_pickle=True)
    with pytest.raises(EgotapError, match=r"s\.npy is refused"):
        load_npy(tmp_path / "s.npy", MIB)


def test_size_limit_and_kinds_of_files(tmp_path: Path) -> None:
    (tmp_path / "big").write_bytes(b"0" * 11)
    with pytest.raises(EgotapError, match="big is larger than"):
        read_bytes(tmp_path / "big", 10)
    assert len(read_bytes(tmp_path / "big", 11)) == 11
    with pytest.raises(EgotapError, match="missing: no such file"):
        read_bytes(tmp_path / "missing", 10)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(EgotapError, match="pipe is not a regular file"):
        read_bytes(tmp_path / "pipe", 10)
    with pytest.raises(EgotapError, match="not a regular file"):
        read_bytes(tmp_path, 10)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'{"a": 1', "not valid JSON"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"a": NaN}', "NaN is not a number"),
        (b'{"a": -Infinity}', "Infinity is not a number"),
        (b"[1e999]", "1e999 is not a number"),
        (b"\xff\xfe\x00", "not a text file"),
        (b"a\0b", "not a text file"),
        (b"1" * 10_000, "not valid JSON"),
    ],
)
def test_refuses_bad_json(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "bad.json").write_bytes(content)
    with pytest.raises(EgotapError, match=rf"bad\.json .*{message}"):
        read_json(tmp_path / "bad.json", MIB)


def test_reads_json_and_text(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(b'\xef\xbb\xbf{"a": [1, 2.5]}')
    assert read_json(tmp_path / "a.json", 100) == {"a": [1, 2.5]}
    assert read_text(tmp_path / "a.json", 100) == '{"a": [1, 2.5]}'


def png(size: tuple[int, int], mode: str = "RGB") -> bytes:
    buffer = io.BytesIO()
    Image.new(mode, size).save(buffer, "PNG")
    return buffer.getvalue()


def bomb() -> bytes:
    """A small PNG whose header says 100,000 x 100,000 pixels."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", 100_000, 100_000, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 99)) + chunk(b"IEND", b"")
    )


def test_reads_images(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (16, 24, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    np.testing.assert_array_equal(np.asarray(read_image(tmp_path / "a.png", (24, 16))), pixels)
    Image.fromarray(pixels).convert("RGBA").save(tmp_path / "alpha.png")
    np.testing.assert_array_equal(np.asarray(read_image(tmp_path / "alpha.png", (24, 16))), pixels)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (bomb(), "damaged|100000"),
        (png((8, 9)), "8 x 9 px: expected 8 x 8"),
        (png((8, 8))[:-20], "damaged or truncated"),
        (png((8, 8))[:30], "damaged or truncated"),
        (png((8, 8), "I;16"), "mode I;16"),
        (b"GIF89a" + b"\0" * 40, "damaged or truncated"),
        (b"not an image", "damaged or truncated"),
        (b"", "damaged or truncated"),
    ],
    ids=range(8),
)
def test_refuses_bad_images(tmp_path: Path, data: bytes, message: str) -> None:
    (tmp_path / "bad.png").write_bytes(data)
    with pytest.raises(EgotapError, match=rf"bad\.png.*({message})"):
        read_image(tmp_path / "bad.png", (8, 8))
