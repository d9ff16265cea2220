"""A registry over https and with a password: as much of the distribution API as push and pull need."""

import base64
import hashlib
import json
import re
import ssl
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


LOGIN = "Basic " + base64.b64encode(b"user:secret").decode()
BLOBS: dict[str, bytes] = {}
MANIFESTS: dict[str, tuple[str, bytes]] = {}
UPLOADS: dict[str, bytes] = {}


class Handler(BaseHTTPRequestHandler):
    """One request: https://distribution.github.io/distribution/spec/api."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        """Tell a blob, or a manifest."""
        if not self.is_known():
            return
        kind, found = self.find()
        if self.path.rstrip("/") == "/v2":
            self.answer(200, b"{}")
        elif found is None:
            self.answer(404, b'{"errors":[{"code":"MANIFEST_UNKNOWN"}]}')
        else:
            digest = f"sha256:{hashlib.sha256(found).hexdigest()}"
            self.answer(200, found, {"Content-Type": kind, "Docker-Content-Digest": digest})

    do_HEAD = do_GET  # noqa: N815 - as the library wants it

    def do_POST(self) -> None:
        """Begin to take a blob."""
        if self.is_known():
            name = self.path.partition("/blobs/")[0]
            UPLOADS[key := str(len(UPLOADS))] = b""
            self.answer(202, headers={"Location": f"{name}/blobs/uploads/{key}", "Range": "0-0"})

    def do_PATCH(self) -> None:
        """Take a part of one."""
        if self.is_known():
            key = self.path.rpartition("/")[2].partition("?")[0]
            UPLOADS[key] += self.body()
            place = self.path.partition("?")[0]
            self.answer(202, headers={"Location": place, "Range": f"0-{len(UPLOADS[key]) - 1}"})

    def do_PUT(self) -> None:
        """Keep a blob, or a manifest."""
        if not self.is_known():
            return
        body = self.body()
        if found := re.search(r"/uploads/(\d+)\?.*digest=(sha256)(?::|%3A)([0-9a-f]+)", self.path):
            BLOBS[f"sha256:{found[3]}"] = UPLOADS.pop(found[1]) + body
            digest = f"sha256:{found[3]}"
        else:
            digest = f"sha256:{hashlib.sha256(body).hexdigest()}"
            for reference in (self.path.rpartition("/")[2], digest):
                MANIFESTS[reference] = (self.headers["Content-Type"], body)
        self.answer(201, headers={"Location": self.path.partition("?")[0], "Docker-Content-Digest": digest})

    def is_known(self) -> bool:
        """Return whether the password is right, and ask for it if not."""
        if self.headers.get("Authorization") == LOGIN:
            return True
        self.body()
        self.answer(401, b"{}", {"WWW-Authenticate": 'Basic realm="trial"'})
        return False

    def find(self) -> tuple[str, bytes | None]:
        """Return the type and the content that the path names."""
        reference = self.path.rpartition("/")[2]
        if "/manifests/" in self.path:
            return MANIFESTS.get(reference, ("", None))
        return "application/octet-stream", BLOBS.get(reference)

    def body(self) -> bytes:
        """Return what was sent."""
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = b""
        while size := int(self.rfile.readline().strip() or b"0", 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def answer(self, status: int, body: bytes = b"", headers: dict[str, str] | None = None) -> None:
        """Send an answer."""
        self.send_response(status)
        self.send_header("Docker-Distribution-Api-Version", "registry/2.0")
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


if __name__ == "__main__":
    server = ThreadingHTTPServer(("", 5000), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[1])
    server.socket = context.wrap_socket(server.socket, server_side=True)
    print(json.dumps({"listening": 5000}), flush=True)
    server.serve_forever()
