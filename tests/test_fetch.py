"""Downloads, from a server of our own on this machine: whole and checked, or nothing at all."""

import gzip
import hashlib
import io
import pickle
import tarfile
import threading
import zipfile
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from informed_init.errors import InputError
from informed_init.tasks import catalog
from informed_init.tasks.catalog import Archive, DataSet
from informed_init.tasks.fetch import ATTEMPTS, fetch
from informed_init.tasks.readers import read
from PIL import Image


class Server:
    """Serves ``files``; ``requests`` records (path, Range header); ``break_after`` cuts that many first
    answers short.
    """

    def __init__(self):
        self.files: dict[str, bytes] = {}
        self.requests: list[tuple[str, str | None]] = []
        self.ranges = True
        self.break_after: list[int] = []
        self.address = ""


@pytest.fixture
def server():
    state = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            span = self.headers.get("Range")
            state.requests.append((self.path, span))
            if self.path not in state.files:
                self.send_error(404)
                return
            content, start = state.files[self.path], 0
            if span and state.ranges:
                start = int(span.removeprefix("bytes=").removesuffix("-"))
                if start >= len(content):
                    self.send_error(416)
                    return
                self.send_response(206)
                self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
            else:
                self.send_response(200)
            self.send_header("Content-Length", str(len(content) - start))
            self.end_headers()
            sent = content[start:]
            self.wfile.write(sent[: state.break_after.pop(0)] if state.break_after else sent)

        def log_message(self, *_):
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    state.address = f"http://127.0.0.1:{http.server_port}/"
    yield state
    http.shutdown()
    http.server_close()
    thread.join()


def quiet_fetch(dataset: DataSet, root: Path) -> Path:
    return fetch(dataset, root, log=lambda _: None, first_wait=0.0)


def leftovers(root: Path) -> list[Path]:
    return [path for path in root.rglob("*") if path.is_file()]


def tar_of(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def cifar_files() -> dict[str, bytes]:
    pixels = np.random.default_rng(0).integers(0, 256, (4, 3072), dtype=np.uint8)
    batch = pickle.dumps({"data": pixels, "labels": [0, 1, 1, 0]}, protocol=2)
    meta = pickle.dumps({"label_names": ["cat", "dog"]}, protocol=2)
    return {f"cifar-10-batches-py/{name}": batch for name in ("data_batch_1", "test_batch")} | {
        "cifar-10-batches-py/batches.meta": meta
    }


def serve_cifar(server: Server, content: bytes | None = None, md5: str = "") -> DataSet:
    """CIFAR-10 made small, as a tar archive at the server; its checksum is right unless given."""
    content = tar_of(cifar_files()) if content is None else content
    server.files["/small.tar.gz"] = content
    md5 = md5 or hashlib.md5(content).hexdigest()
    files = {"train": ("data_batch_1",), "test": ("test_batch",), "meta": ("batches.meta",)}
    archives = (Archive("small.tar.gz", (server.address,), md5),)
    return replace(catalog.get("cifar10"), num_classes=2, archives=archives, files=files, md5={})


def test_a_set_is_downloaded_once_and_then_used_as_it_is(tmp_path, server):
    dataset = serve_cifar(server)
    assert quiet_fetch(dataset, tmp_path) == tmp_path / "cifar-10-batches-py"
    assert read(dataset, tmp_path, "train").labels.tolist() == [0, 1, 1, 0]
    assert [path.name for path in tmp_path.iterdir()] == ["cifar-10-batches-py"]  # no archive is kept
    assert quiet_fetch(dataset, tmp_path) == tmp_path / "cifar-10-batches-py"
    assert len(server.requests) == 1


def test_a_set_that_is_there_but_damaged_is_neither_used_nor_overwritten(tmp_path, server):
    dataset = serve_cifar(server)
    damaged = quiet_fetch(dataset, tmp_path) / "test_batch"
    damaged.write_bytes(damaged.read_bytes()[:-100])
    with pytest.raises(InputError, match="test_batch: not a whole"):
        quiet_fetch(dataset, tmp_path)
    assert damaged.is_file() and len(server.requests) == 1


def test_a_download_goes_on_from_where_an_earlier_run_stopped(tmp_path, server):
    dataset = serve_cifar(server)
    content = server.files["/small.tar.gz"]
    part = tmp_path / ".cifar10.download" / "small.tar.gz.part"
    part.parent.mkdir()
    part.write_bytes(content[:1000])
    quiet_fetch(dataset, tmp_path)
    assert server.requests == [("/small.tar.gz", "bytes=1000-")]
    assert len(read(dataset, tmp_path, "test").labels) == 4


def test_a_connection_that_breaks_is_resumed_in_the_same_run(tmp_path, server):
    dataset = serve_cifar(server)
    server.break_after = [700, 300]
    quiet_fetch(dataset, tmp_path)
    assert [span for _, span in server.requests] == [None, "bytes=700-", "bytes=1000-"]
    assert len(read(dataset, tmp_path, "train").labels) == 4


@pytest.mark.parametrize("ranges", [True, False])
def test_a_part_that_does_not_fit_is_thrown_away(tmp_path, server, ranges):
    """Bytes of something else, or more than the file has: the checksum or the server says so, and it starts
    afresh.
    """
    dataset = serve_cifar(server)
    server.ranges = ranges
    for wrong in (b"x" * 50, b"x" * 100_000):
        root = tmp_path / str(len(wrong))
        part = root / ".cifar10.download" / "small.tar.gz.part"
        part.parent.mkdir(parents=True)
        part.write_bytes(wrong)
        quiet_fetch(dataset, root)
        assert len(read(dataset, root, "train").labels) == 4


def test_a_wrong_checksum_leaves_nothing_and_names_both(tmp_path, server):
    dataset = serve_cifar(server, md5="0" * 32)
    found = hashlib.md5(server.files["/small.tar.gz"]).hexdigest()
    with pytest.raises(InputError, match=f"small.tar.gz.*md5 {found}, but the official file's is {'0' * 32}"):
        quiet_fetch(dataset, tmp_path)
    assert not leftovers(tmp_path) and not (tmp_path / "cifar-10-batches-py").exists()
    assert len(server.requests) == 1  # the same wrong file is not downloaded again and again


def test_the_next_address_is_used_when_one_fails(tmp_path, server):
    dataset = serve_cifar(server)
    (archive,) = dataset.archives
    addresses = (server.address + "moved/", server.address)
    quiet_fetch(replace(dataset, archives=(replace(archive, addresses=addresses),)), tmp_path)
    assert [path for path, _ in server.requests] == ["/moved/small.tar.gz", "/small.tar.gz"]


def test_no_answer_at_all_is_one_clear_line_with_the_remedy(tmp_path, server):
    dataset = serve_cifar(server)
    del server.files["/small.tar.gz"]
    with pytest.raises(InputError, match=r"no download .*HTTP 404.*; check the network") as error:
        quiet_fetch(dataset, tmp_path)
    assert "\n" not in str(error.value) and len(server.requests) == ATTEMPTS


def test_an_archive_put_there_by_hand_is_used(tmp_path, server):
    dataset = serve_cifar(server)
    (tmp_path / ".cifar10.download").mkdir()
    (tmp_path / ".cifar10.download" / "small.tar.gz").write_bytes(server.files["/small.tar.gz"])
    quiet_fetch(dataset, tmp_path)
    assert server.requests == []


def test_a_set_made_by_code_is_not_looked_for_on_the_network(tmp_path):
    with pytest.raises(InputError, match="procedural is made by code"):
        fetch("procedural", tmp_path)


# --- archives ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["../evil", "cifar-10-batches-py/../../evil", "/tmp/evil", "top\\..\\evil"])
def test_a_tar_that_points_outside_is_refused(tmp_path, server, name):
    dataset = serve_cifar(server, tar_of(cifar_files() | {name: b"evil"}))
    root = tmp_path / "deep" / "root"
    root.mkdir(parents=True)
    with pytest.raises(InputError, match=r"small.tar.gz: damaged or refused \(entry .*evil"):
        quiet_fetch(dataset, root)
    assert not leftovers(tmp_path)


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE])
def test_a_tar_with_links_or_devices_is_refused(tmp_path, server, kind):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        entry = tarfile.TarInfo("cifar-10-batches-py/data_batch_1")
        entry.type, entry.linkname = kind, "../../secret"
        tar.addfile(entry)
    with pytest.raises(InputError, match="neither a file nor a folder"):
        quiet_fetch(serve_cifar(server, buffer.getvalue()), tmp_path)
    assert not leftovers(tmp_path)


@pytest.mark.parametrize("keep", [0, 20, 0.9])
def test_a_damaged_archive_is_refused_even_if_its_checksum_is_right(tmp_path, server, keep):
    whole = tar_of(cifar_files())
    cut = whole[: keep if isinstance(keep, int) else int(keep * len(whole))]
    with pytest.raises(InputError, match=r"small\.tar\.gz: damaged or refused"):
        quiet_fetch(serve_cifar(server, cut), tmp_path)
    assert not leftovers(tmp_path)


def test_an_archive_with_the_wrong_content_is_not_put_in_place(tmp_path, server):
    files = cifar_files()
    del files["cifar-10-batches-py/test_batch"]
    with pytest.raises(InputError, match="test_batch: file missing"):
        quiet_fetch(serve_cifar(server, tar_of(files)), tmp_path)
    assert not leftovers(tmp_path) and not (tmp_path / "cifar-10-batches-py").exists()


def test_idx_files_come_one_by_one_compressed(tmp_path, server):
    pixels = np.arange(2 * 28 * 28, dtype=np.uint8).tobytes()
    contents = {
        "images-idx3-ubyte": b"\0\0\x08\x03" + b"".join(n.to_bytes(4, "big") for n in (2, 28, 28)) + pixels,
        "labels-idx1-ubyte": b"\0\0\x08\x01\0\0\0\x02\x01\x00",
    }
    archives = []
    for split in ("train", "t10k"):
        for kind, content in contents.items():
            file = f"{split}-{kind}.gz"
            compressed = server.files[f"/{file}"] = gzip.compress(content)
            archives.append(Archive(file, (server.address,), hashlib.md5(compressed).hexdigest()))
    dataset = replace(catalog.get("mnist"), num_classes=2, archives=tuple(archives), md5={})
    assert quiet_fetch(dataset, tmp_path) == tmp_path / "MNIST" / "raw"
    images = read(dataset, tmp_path, "train")
    assert images.labels.tolist() == [1, 0] and images.images.numpy().tobytes() == pixels


# --- Tiny ImageNet's zip -------------------------------------------------------------------------


@contextmanager
def tiny_zip():
    """A zip archive of one class with one image each way, open for more entries."""
    buffer = io.BytesIO()
    image = io.BytesIO()
    Image.new("RGB", (64, 64), (200, 30, 30)).save(image, format="JPEG")
    with zipfile.ZipFile(buffer, "w") as file:
        file.mkdir("tiny-imagenet-200/train")
        file.writestr("tiny-imagenet-200/wnids.txt", "n01\n")
        file.writestr("tiny-imagenet-200/train/n01/images/n01_0.JPEG", image.getvalue())
        file.writestr("tiny-imagenet-200/val/images/val_0.JPEG", image.getvalue())
        file.writestr("tiny-imagenet-200/val/val_annotations.txt", "val_0.JPEG\tn01\t0\t0\t63\t63\n")
        yield buffer, file


def serve_tiny(server: Server, content: bytes) -> DataSet:
    server.files["/tiny.zip"] = content
    archives = (Archive("tiny.zip", (server.address,), hashlib.md5(content).hexdigest()),)
    return replace(catalog.get("tinyimagenet"), num_classes=1, archives=archives)


def test_a_zip_archive_is_unpacked_and_verified(tmp_path, server):
    with tiny_zip() as (buffer, _):
        pass
    dataset = serve_tiny(server, buffer.getvalue())
    quiet_fetch(dataset, tmp_path)
    assert read(dataset, tmp_path, "test").images.shape == (1, 3, 64, 64)


@pytest.mark.parametrize("name", ["../evil", "tiny-imagenet-200/../../evil", "/evil", "evil"])
def test_a_zip_that_points_outside_is_refused(tmp_path, server, name):
    with tiny_zip() as (buffer, file):
        file.writestr(name, "evil")
    root = tmp_path / "deep" / "root"
    root.mkdir(parents=True)
    with pytest.raises(InputError, match=r"tiny.zip: damaged or refused \(entry .*evil"):
        quiet_fetch(serve_tiny(server, buffer.getvalue()), root)
    assert not leftovers(tmp_path)


def test_a_zip_with_a_link_is_refused(tmp_path, server):
    with tiny_zip() as (buffer, file):
        link = zipfile.ZipInfo("tiny-imagenet-200/train/n01/images/n01_1.JPEG")
        link.external_attr = 0o120777 << 16
        file.writestr(link, "/etc/hostname")
    with pytest.raises(InputError, match=r"n01_1.JPEG' is not a file within the archive's folder"):
        quiet_fetch(serve_tiny(server, buffer.getvalue()), tmp_path)
    assert not leftovers(tmp_path)


def test_a_zip_with_a_damaged_entry_is_refused(tmp_path, server):
    with tiny_zip() as (buffer, _):
        pass
    content = bytearray(buffer.getvalue())
    content[content.index(b"\xff\xd8") + 300] ^= 0xFF  # within an image: the entry's CRC is wrong
    with pytest.raises(InputError, match="Bad CRC-32"):
        quiet_fetch(serve_tiny(server, bytes(content)), tmp_path)
    assert not leftovers(tmp_path)


# --- more than a data set can hold -----------------------------------------------------------------------------


def zeros_in_zip() -> bytes:
    with tiny_zip() as (buffer, file):
        file.writestr(zipfile.ZipInfo("tiny-imagenet-200/bomb"), bytes(2**24), zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def many_in_zip() -> bytes:
    with tiny_zip() as (buffer, file):
        for number in range(300):
            file.writestr(f"tiny-imagenet-200/{number}", "")
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("bomb.tar.gz", lambda: tar_of(cifar_files() | {"cifar-10-batches-py/bomb": bytes(2**24)})),
        ("bomb.gz", lambda: gzip.compress(bytes(2**24))),
        ("bomb.zip", zeros_in_zip),
        ("many.zip", many_in_zip),
    ],
)
def test_an_archive_that_holds_more_than_the_data_set_is_not_unpacked(tmp_path, server, monkeypatch, name, content):
    monkeypatch.setattr("informed_init.tasks.fetch.MOST_ENTRIES", 200)
    packed = server.files[f"/{name}"] = content()
    assert len(packed) < 2**16
    archives = (Archive(name, (server.address,), hashlib.md5(packed).hexdigest()),)
    dataset = replace(serve_cifar(server), archives=archives, most_bytes=2**20)
    with pytest.raises(InputError, match=rf"{name}: damaged or refused \(.* which is not the data set"):
        quiet_fetch(dataset, tmp_path)
    assert not leftovers(tmp_path)


def test_a_server_that_never_stops_fills_no_disk(tmp_path, server):
    dataset = replace(serve_cifar(server, bytes(2**22)), most_bytes=2**20)
    with pytest.raises(InputError, match=r"more than 1,048,576 bytes, which is not the file"):
        quiet_fetch(dataset, tmp_path)
    assert not leftovers(tmp_path)


def test_every_archive_has_a_checksum_and_comes_over_https_where_its_server_knows_it():
    plain = set()
    for name in catalog.names():
        for archive in catalog.get(name).archives:
            assert len(archive.md5) == 32
            plain |= {name} if not archive.addresses[0].startswith("https://") else set()
    assert plain == {"fashionmnist"}  # its server, the one that torchvision uses, has no https
