"""NPZ: arrays streamed out of the zip archive; needs NumPy only."""

from __future__ import annotations

import zipfile
from collections.abc import Generator, Sequence
from contextlib import ExitStack
from math import prod
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from xent.audit.readers.memory import ArraysChunk, check_lengths, field_of
from xent.audit.readers.problems import At, bad, listing, reading

_WHAT = "an .npz file"


class _Header(NamedTuple):
    info: zipfile.ZipInfo
    shape: tuple[int, ...]
    fortran: bool
    dtype: np.dtype[Any]

    def row_bytes(self) -> int:
        return self.dtype.itemsize * prod(self.shape[1:])


class NpzTable:
    """An NPZ archive; a column is an array."""

    format = "npz"
    notes = ()

    def __init__(self, path: Path) -> None:
        self._path = path
        self._name = path.name
        with reading(self._name, _WHAT):
            try:
                archive = zipfile.ZipFile(path)
            except zipfile.BadZipFile as error:
                raise bad(
                    f"{self._name} must be a whole zip archive; got one without its end ({error})",
                    "the file may be cut off: write or copy it again",
                ) from None
            with archive:
                infos = [info for info in archive.infolist() if info.filename.endswith(".npy")]
                if not infos:
                    raise self._no_arrays(archive.namelist())
                headers = [self._header(archive, info) for info in infos]
        self._headers = {_key(header.info): header for header in headers}
        self.fields = [field_of(_key(header.info), header.dtype, header.shape) for header in headers]

    def rows(self, columns: Sequence[str]) -> int:
        """Return the number of rows, having checked that these arrays have the same."""
        return check_lengths({name: self._headers[name].shape[0] for name in columns}, self._name)

    def read(self, columns: Sequence[str], rows: int) -> Generator[ArraysChunk]:
        """Yield all rows, ``rows`` at a time (the last time fewer), with at least these columns."""
        total = self.rows(columns)
        for name in columns:
            if self._headers[name].fortran:
                raise bad(
                    f"array {name!r} of {self._name} must be in C order (row after row), to be read in pieces; "
                    "got Fortran order",
                    "save np.ascontiguousarray(array)",
                )
        with ExitStack() as stack:
            with reading(self._name, _WHAT):
                archive = stack.enter_context(zipfile.ZipFile(self._path))
                streams = {name: stack.enter_context(self._open(archive, self._headers[name])) for name in columns}
            for start in range(0, total, rows):
                count = min(rows, total - start)
                with reading(self._name, _WHAT):
                    arrays = {name: self._take(streams[name], name, count) for name in columns}
                    if start + count == total:
                        for stream in streams.values():
                            stream.read(1)  # the end of the member, where zipfile compares the checksum
                yield ArraysChunk(arrays, At(self._name, start))

    def _take(self, stream: IO[bytes], name: str, rows: int) -> NDArray[Any]:
        header = self._headers[name]
        shape = (rows, *header.shape[1:])
        wanted = rows * header.row_bytes()
        data = stream.read(wanted)
        if len(data) != wanted:
            raise bad(
                f"array {name!r} of {self._name} must be whole; got {len(data)} bytes where {wanted} were expected",
                "the file may be cut off: write it again",
            )
        if not wanted:  # text of length 0
            return np.zeros(shape, dtype=header.dtype)
        return np.frombuffer(data, dtype=header.dtype).reshape(shape)

    def _open(self, archive: zipfile.ZipFile, header: _Header) -> IO[bytes]:
        stream = archive.open(header.info)
        _read_header(stream)
        return stream

    def _header(self, archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> _Header:
        with archive.open(info) as stream:
            shape, fortran, dtype = _read_header(stream)
            header = _Header(info, shape, fortran, dtype)
            expected = stream.tell() + dtype.itemsize * prod(shape)
        if not dtype.hasobject and info.file_size != expected:
            raise bad(
                f"array {_key(info)!r} of {self._name} must have {expected} bytes, as its header says; "
                f"got {info.file_size}",
                "the file may be damaged: write it again",
            )
        return header

    def _no_arrays(self, names: Sequence[str]) -> Exception:
        said, hint = f"a zip archive of {listing(names, 4)}", "write it with np.savez(path, logits=…, label=…)"
        if any(name.endswith("data.pkl") for name in names):
            said, hint = (
                "a PyTorch file",
                "pickles are never loaded; write np.savez(path, logits=x.numpy(), label=y.numpy())",
            )
        elif "[Content_Types].xml" in names:
            said, hint = "an Office document", "export the sheet as .csv"
        return bad(f"{self._name} must be a zip archive of NumPy arrays; got {said}", hint)


def _key(info: zipfile.ZipInfo) -> str:
    return info.filename.removesuffix(".npy")


def _read_header(stream: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    version = npy.read_magic(stream)
    if version == (1, 0):
        return npy.read_array_header_1_0(stream)
    if version == (2, 0):
        return npy.read_array_header_2_0(stream)
    raise ValueError(f"an array in version {version} of the .npy format")
