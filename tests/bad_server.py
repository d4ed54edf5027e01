"""A small HTTP server on this machine that can misbehave in the ways that real ones do."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Reply = Callable[[BaseHTTPRequestHandler], None]


class BadServer:
    """Answers each path with its replies, one a request; the last one for ever after.

    url: where it listens.  requests: (path, Range header or None) of every request, in order.
    """

    def __init__(self) -> None:
        self.replies: dict[str, list[Reply]] = {}
        self.requests: list[tuple[str, str | None]] = []
        self.stop_stalling = threading.Event()
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                server.requests.append((self.path, self.headers.get("Range")))
                self.stop_stalling = server.stop_stalling
                queue = server.replies.get(self.path, [status(404)])
                (queue.pop(0) if len(queue) > 1 else queue[0])(self)

            def log_message(self, *arguments: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.handle_error = lambda *_: None  # a client that hangs up is no surprise
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def ranges(self, path: str) -> list[str | None]:
        """List the Range headers of the requests for a path."""
        return [range_ for asked, range_ in self.requests if asked == path]


@contextmanager
def serving() -> Iterator[BadServer]:
    """Run a server until the block ends."""
    server = BadServer()
    thread = threading.Thread(target=server.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.stop_stalling.set()
        server.server.shutdown()
        server.server.server_close()
        thread.join()


def _send(handler, code: int, body: bytes, length: int | None = None, **headers: str) -> None:
    handler.send_response(code)
    handler.send_header("Content-Length", str(len(body) if length is None else length))
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    handler.wfile.write(body)
    handler.wfile.flush()


def whole(body: bytes, **headers: str) -> Reply:
    """Answer with the body, or with the range of it that is asked for."""

    def reply(handler) -> None:
        asked = handler.headers.get("Range")
        if asked is None:
            _send(handler, 200, body, ETag='"1"', **headers)
            return
        first = int(asked.removeprefix("bytes=").rstrip("-"))
        if first >= len(body):
            _send(handler, 416, b"", Content_Range=f"bytes */{len(body)}")
            return
        there = f"bytes {first}-{len(body) - 1}/{len(body)}"
        _send(handler, 206, body[first:], ETag='"1"', Content_Range=there, **headers)

    return reply


def without_ranges(body: bytes) -> Reply:
    """Answer with the whole body, whatever is asked."""
    return lambda handler: _send(handler, 200, body)


def status(code: int, **headers: str) -> Reply:
    """Answer with an error."""
    return lambda handler: _send(handler, code, b"no", **headers)


def breaks_off(body: bytes, after: int) -> Reply:
    """Promise the body, send its first bytes and close the connection."""

    def reply(handler) -> None:
        _send(handler, 200, body[:after], length=len(body), ETag='"1"')
        handler.close_connection = True

    return reply


def stalls(body: bytes, after: int) -> Reply:
    """Promise the body, send its first bytes and fall silent."""

    def reply(handler) -> None:
        _send(handler, 200, body[:after], length=len(body), ETag='"1"')
        handler.stop_stalling.wait(20)
        handler.close_connection = True

    return reply


def web_page(text: str = "Quota exceeded", **headers: str) -> Reply:
    """Answer with a page of HTML, as if all were well."""
    page = f"<!DOCTYPE html><html><body>{text}</body></html>".encode()
    return lambda handler: _send(handler, 200, page, Content_Type="text/html", **headers)
