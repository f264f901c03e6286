"""Mirrors that are slow, drip, lie or are away: the next one serves."""

import gzip
import hashlib
import itertools
import json
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from conditions.harness import RESULTS, Box, Condition, Job
from conditions.images import read_arrays, write_raw

from latent_transport.datasets.catalogue import FILES

# The images and labels; the names of the classes come from no mirror.
SERVED = Job("data/raw/t", 0, "data")
PATIENCE = 2  # seconds, of which a loaded machine takes some
PORTAL = b"<html><body>Please log in</body></html>"

# MNIST of other sums; a package of torchvision's name has the mirrors.
FETCH = f"""
import json, sys
from latent_transport.datasets import sources
from workflow.scripts.command import run
sources.TIMEOUT, sources.SIZE_LIMIT = {PATIENCE}, 2**22
sums = json.loads(sys.argv[1])
run(lambda: sources.fetch({RESULTS + "/data/raw"!r}, source="mnist", checksums=sums))
"""


class Mirror(BaseHTTPRequestHandler):
    """Serves ``/BEHAVIOUR/NAME.gz`` as the behaviour says."""

    def __init__(self, contents: dict[str, bytes], *arguments: object) -> None:
        self.contents = contents
        super().__init__(*arguments)

    def do_GET(self) -> None:
        _, behaviour, name = self.path.split("/")
        content = self.contents[name.removesuffix(".gz")]
        with suppress(OSError):  # the reader has gone
            getattr(self, f"{behaviour}_serve")(content)

    def answer(self, length: int | None) -> None:
        self.send_response(200)
        if length is not None:
            self.send_header("Content-Length", str(length))
        self.end_headers()

    def send(self, content: bytes) -> None:
        self.answer(len(content))
        self.wfile.write(content)

    def good_serve(self, content: bytes) -> None:
        self.send(gzip.compress(content))

    def silent_serve(self, content: bytes) -> None:
        time.sleep(2 * PATIENCE)

    def dripping_serve(self, content: bytes) -> None:
        self.answer(len(content))
        for byte in gzip.compress(content):
            self.wfile.write(bytes([byte]))
            time.sleep(PATIENCE / 50)

    def lying_serve(self, content: bytes) -> None:
        self.send(gzip.compress(content[:-1] + b"\0"))

    def plain_serve(self, content: bytes) -> None:
        self.send(content)

    def portal_serve(self, content: bytes) -> None:
        self.send(PORTAL)

    def cut_serve(self, content: bytes) -> None:
        packed = gzip.compress(content)
        self.answer(len(packed))
        self.wfile.write(packed[: len(packed) // 2])

    def empty_serve(self, content: bytes) -> None:
        self.send(b"")

    def endless_serve(self, content: bytes) -> None:
        self.answer(None)
        for piece in itertools.repeat(bytes(2**16)):
            self.wfile.write(piece)

    def missing_serve(self, content: bytes) -> None:
        self.send_error(404)

    def circling_serve(self, content: bytes) -> None:
        self.send_response(302)
        self.send_header("Location", self.path)
        self.end_headers()

    def log_message(self, *arguments: object) -> None:
        pass


def ask(*behaviours: str) -> Callable[[Box], None]:
    """Fetch from mirrors of these behaviours, one after another."""

    def prepare(box: Box) -> None:
        write_raw(box.data, read_arrays(box.data))
        contents = {name: (box.data / name).read_bytes() for name in FILES}
        server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Mirror, contents))
        server.daemon_threads = True
        box.cleanup.callback(server.server_close)
        box.cleanup.callback(server.shutdown)
        threading.Thread(target=server.serve_forever, args=[0.01], daemon=True).start()
        mirrors = [f"http://127.0.0.1:{server.server_port}/{name}/" for name in behaviours]
        package = box.clone.parent / "modules" / "torchvision"
        package.mkdir(parents=True)
        (package / "__init__.py").touch()
        (package / "datasets.py").write_text(f"class MNIST:\n    mirrors = {mirrors}\n")
        modules = [package.parent, box.clone / "src", box.clone]
        box.variables |= {
            "PYTHONPATH": ":".join(map(str, modules)),
            "PATH": "/nowhere",  # without npm
            "no_proxy": "*",
        }
        sums = {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}
        box.run_python(FETCH, json.dumps(sums))

    return prepare


BEHAVIOURS = (
    *("silent", "dripping", "lying", "plain", "portal", "cut", "empty", "endless", "missing"),
    "circling",
)
MIRRORS = [
    *(
        Condition(f"mirror: {name}, then a good one", SERVED, ask(name, "good"), told="cannot use")
        for name in BEHAVIOURS
    ),
    Condition(
        "mirror: none that is good",
        SERVED,
        ask("missing", "portal"),
        refused="no source supplied every MNIST file",
    ),
]
