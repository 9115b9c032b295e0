"""Get a data set: use the one that is there, or download, check and unpack it.

Everything happens in ``data_root/.<data set>.download``: an archive grows there as ``<archive>.part``, is
continued after an interruption, and is renamed when its checksum is right; it is unpacked and verified there
too. Only then is the whole folder moved to its place, so a data set is never half there.
"""

import gzip
import hashlib
import http.client
import os
import shutil
import stat
import tarfile
import time
import urllib.error
import urllib.request
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import IO

from ..errors import InputError
from ..files import refusals_of
from .catalog import Archive, DataSet, get
from .readers import verify

ATTEMPTS = 4
FIRST_WAIT = 2.0  # seconds before the second attempt; doubled before each further one
TIMEOUT = 60.0  # seconds without a byte
MOST_ENTRIES = 500_000  # Tiny ImageNet has some 120,000
_CHUNK = 1 << 20
_DAMAGED = (tarfile.TarError, zipfile.BadZipFile, gzip.BadGzipFile, zlib.error, EOFError, ValueError)


def fetch(
    dataset: str | DataSet,
    data_root: str | Path,
    log: Callable[[str], None] = print,
    first_wait: float = FIRST_WAIT,
) -> Path:
    """Make sure that a data set lies under ``data_root``, whole; returns its folder.

    One that is there and verified is used as it is, without any network. Anything else found in its place is
    an error rather than something to overwrite. Raises :class:`InputError` for a data set that cannot be
    used, a download that fails at every address, a wrong checksum (the file is removed), an archive that
    is damaged, points outside its folder or holds more than the data set, and a full disk or a closed folder.
    """
    dataset = get(dataset)
    with refusals_of(Path(data_root) / dataset.folder):
        return _fetch(dataset, Path(data_root), log, first_wait)


def _fetch(dataset: DataSet, data_root: Path, log: Callable[[str], None], first_wait: float) -> Path:
    folder = data_root / dataset.folder
    if folder.is_dir() and any(folder.iterdir()):
        verify(dataset, data_root)
        log(f"{dataset.name}: {folder} is there and verified; nothing to download")
        return folder
    if not dataset.archives:
        raise InputError(
            f"{folder}: no such folder, and data set {dataset.name} is made by code, not downloaded; "
            "write it with informed_init.tasks.procedural.write"
        )
    downloads = data_root / f".{dataset.name}.download"
    archives = [_download(archive, downloads, dataset.most_bytes, log, first_wait) for archive in dataset.archives]
    staged = downloads / "unpacked" / dataset.folder
    shutil.rmtree(downloads / "unpacked", ignore_errors=True)  # of an interrupted run
    try:
        staged.mkdir(parents=True)
        left = dataset.most_bytes
        for archive in archives:
            log(f"{dataset.name}: unpacking {archive.name}")
            left -= _unpack(archive, staged, left)
        verify(dataset, downloads / "unpacked")
    except InputError:
        shutil.rmtree(downloads)  # what was downloaded is no good: the next run starts afresh
        raise
    except OSError:
        shutil.rmtree(downloads / "unpacked", ignore_errors=True)  # no room: only what was downloaded is kept
        raise
    folder.parent.mkdir(parents=True, exist_ok=True)
    os.rename(staged, folder)
    shutil.rmtree(downloads)
    log(f"{dataset.name}: {folder} is complete")
    return folder


# --- download ----------------------------------------------------------------------------------------------


def _download(archive: Archive, downloads: Path, most: int, log: Callable[[str], None], first_wait: float) -> Path:
    """The archive as a checked file in ``downloads``; every address is tried in turn, several times over."""
    downloads.mkdir(parents=True, exist_ok=True)
    path, part = downloads / archive.file, downloads / f"{archive.file}.part"
    if path.is_file() and _md5_problem(path, archive) is None:
        log(f"{archive.file}: already downloaded")
        return path
    addresses = list(archive.addresses)
    failure = ""
    for attempt in range(ATTEMPTS):
        if attempt:
            wait = first_wait * 2 ** (attempt - 1)
            log(f"{archive.file}: trying again in {wait:g} s")
            time.sleep(wait)
        for address in tuple(addresses):
            url = address + archive.file
            log(f"{archive.file}: downloading {url}")
            fresh = not part.is_file()
            failure = _transfer(url, part, most)
            if failure is None:
                failure = _md5_problem(part, archive)
                if failure is None:
                    os.replace(part, path)
                    return path
                part.unlink()
                if fresh:  # it came in one piece and is wrong: that address would only give it again
                    addresses.remove(address)
            failure = f"{url}: {failure}"
            log(failure)
        if not addresses:
            break
    raise InputError(
        f"{archive.file}: no download succeeded (last: {failure}); check the network, or put the file into "
        f"{downloads} yourself and run again"
    )


def _transfer(url: str, part: Path, most: int) -> str | None:
    """Download ``url`` to ``part``, continuing what is there if the server can; what went wrong, or None. No more than
    ``most`` bytes and what came at once with them are written."""
    start = part.stat().st_size if part.is_file() else 0
    request = urllib.request.Request(url, headers={"Range": f"bytes={start}-"} if start else {})
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT) as response:
            span = response.headers.get("Content-Range", "")
            resumed = response.status == 206 and span.startswith(f"bytes {start}-")
            length = response.headers.get("Content-Length")
            received = _store(response, part, resumed, most)
    except urllib.error.HTTPError as error:
        if error.code == 416:  # what is there does not fit the file at this address: start afresh
            part.unlink(missing_ok=True)
        return f"HTTP {error.code} {error.reason}"
    except (OSError, http.client.HTTPException) as error:  # no connection, or one that was cut
        return str(error) or type(error).__name__
    if part.stat().st_size > most:
        part.unlink()
        return f"more than {most:,} bytes, which is not the file"
    if length is not None and received < int(length):
        return f"broke off after {received:,} of {int(length):,} bytes"
    return None


def _store(response, part: Path, resumed: bool, most: int) -> int:
    """Write what comes to ``part``, or behind what is there; how many bytes. A disk that is full is not the network's fault."""
    received = 0
    with refusals_of(part, "written"), open(part, "ab" if resumed else "wb", buffering=0) as file:
        while file.tell() <= most:
            try:
                content = response.read(_CHUNK)
            except OSError as error:
                raise http.client.HTTPException(str(error) or type(error).__name__) from error
            if not content:
                break
            received += len(content)
            while content:
                content = content[file.write(content) :]
    return received


def _md5_problem(path: Path, archive: Archive) -> str | None:
    with open(path, "rb") as file:
        found = hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
    return None if found == archive.md5 else f"md5 {found}, but the official file's is {archive.md5}"


# --- unpack ------------------------------------------------------------------------------------------------


def _unpack(archive: Path, folder: Path, most: int) -> int:
    """Unpack into ``folder``: what lies below the top folder of a tar or zip archive, or the one file of a
    ``.gz``; how many bytes. An archive that holds more than ``most`` is refused before or while it is unpacked.
    """
    try:
        if archive.name.endswith(".tar.gz"):
            return _unpack_tar(archive, folder, most)
        if archive.suffix == ".zip":
            return _unpack_zip(archive, folder, most)
        with gzip.open(archive) as source:
            return _copy(source, folder / archive.stem, most)
    except _DAMAGED as error:
        raise InputError(f"{archive.name}: damaged or refused ({error}); removed, run again to download it") from error


def _unpack_tar(archive: Path, folder: Path, most: int) -> int:
    held, members = 0, []
    with tarfile.open(archive) as tar:
        for member in tar:  # one by one: the content of an entry is not passed over before its size is known
            if not (member.isfile() or member.isdir()):
                raise ValueError(f"entry {member.name!r} is neither a file nor a folder")
            held += member.size
            members.append(member)
            _check_size(held, len(members), most)
            member.name = _below_top(member.name)
        tar.extractall(folder, [member for member in members if member.name], filter="data")
    return held


def _unpack_zip(archive: Path, folder: Path, most: int) -> int:
    held = 0
    with zipfile.ZipFile(archive) as file:
        _check_size(sum(entry.file_size for entry in file.infolist()), len(file.infolist()), most)
        entries = [(entry, _below_top(entry.filename)) for entry in file.infolist() if not entry.is_dir()]
        for entry, name in entries:
            if not name or stat.S_ISLNK(entry.external_attr >> 16):
                raise ValueError(f"entry {entry.filename!r} is not a file within the archive's folder")
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            with file.open(entry) as source:
                held += _copy(source, target, most - held)
    return held


def _copy(source: IO[bytes], path: Path, most: int) -> int:
    """Copy at most ``most`` bytes; how many. What a compressed stream says of its size is not believed."""
    held = 0
    with open(path, "wb") as target:
        while content := source.read(_CHUNK):
            held += len(content)
            _check_size(held, 1, most)
            target.write(content)
    return held


def _check_size(held: int, entries: int, most: int) -> None:
    if held > most or entries > MOST_ENTRIES:
        raise ValueError(f"{entries:,} entries of {held:,} bytes and perhaps more, which is not the data set")


def _below_top(name: str) -> str:
    """An entry's path without the archive's top folder ("" for the top itself); one that leads out is
    refused.
    """
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\\" in name:
        raise ValueError(f"entry {name!r} points outside the archive's folder")
    return str(PurePosixPath(*path.parts[1:])) if len(path.parts) > 1 else ""
