"""An HTTP/2 client (h2, as distributions have it) that uses what few clients do, and takes nothing from the server that the
protocol forbids: windows, frame sizes, the order of frames, the header table. The server hosts the app Minimal.

    frames.py NAME HOST PORT

NAME is one of the functions under "what is shown" below. Ends with 0, or with what was not as it should be."""

import hashlib
import json
import socket
import sys

from h2.connection import H2Connection
from h2.config import H2Configuration
from h2.errors import ErrorCodes
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    PingAckReceived,
    ResponseReceived,
    SettingsAcknowledged,
    StreamEnded,
    StreamReset,
    TrailersReceived,
)
from h2.settings import SettingCodes, Settings

PATIENCE = 20


class Client:
    def __init__(self, host, port, settings=None):
        self.socket = socket.create_connection((host, int(port)), PATIENCE)
        self.h2 = H2Connection(H2Configuration(header_encoding="utf-8"))
        self.h2.local_settings = Settings(initial_values=settings)
        self.h2.initiate_connection()
        self.send()
        self.events = []
        # What DATA takes is given back at once.
        self.gives_back = True

    def send(self, raw=b""):
        self.socket.sendall(self.h2.data_to_send() + raw)

    def begin(self, method, path, fields=(), end=True, **more):
        stream = self.h2.get_next_available_stream_id()
        head = [(":method", method), (":scheme", "http"), (":authority", "localhost"), (":path", path)]
        self.h2.send_headers(stream, [*head, *fields], end_stream=end, **more)
        self.send()
        return stream

    def read(self):
        """Events of the next bytes; the library raises an error for each that the protocol does not allow."""
        received = self.socket.recv(65536)
        assert received, f"the server has closed the connection: {self.events[-3:]}"
        for event in self.h2.receive_data(received):
            if isinstance(event, DataReceived) and self.gives_back and event.flow_controlled_length:
                self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            self.events.append(event)
        self.send()

    def wait(self, kind, stream=None):
        """The first event of this kind; those before it stay."""
        while True:
            for at, event in enumerate(self.events):
                if isinstance(event, kind) and getattr(event, "stream_id", None) == stream:
                    return self.events.pop(at)
            self.read()

    def response(self, stream):
        """Status, body and trailers."""
        head = dict(self.wait(ResponseReceived, stream).headers)
        self.wait(StreamEnded, stream)
        mine = [event for event in self.events if getattr(event, "stream_id", None) == stream]
        body = b"".join(event.data for event in mine if isinstance(event, DataReceived))
        trailers = [pair for event in mine if isinstance(event, TrailersReceived) for pair in event.headers]
        return int(head[":status"]), body, dict(trailers)

    def get(self, path, fields=(), **more):
        return self.response(self.begin("GET", path, fields, **more))

    def upload(self, stream, body, pad=None):
        """All of a body, as the server's windows allow."""
        while body:
            overhead = 0 if pad is None else pad + 1
            room = min(self.h2.local_flow_control_window(stream), self.h2.max_outbound_frame_size) - overhead
            if room <= 0:
                self.read()
                continue
            piece, body = body[:room], body[room:]
            self.h2.send_data(stream, piece, pad_length=pad)
            self.send()

    def acknowledged(self):
        self.wait(SettingsAcknowledged)


def pattern(size):
    return (bytes(range(251)) * (size // 251 + 1))[:size]


def same(found, expected):
    assert found == expected, f"{found!r:.300} instead of {expected!r:.300}"


# What is shown.


def padding(*address):
    client = Client(*address)
    body = pattern(300_000)
    for pad in (0, 1, 255):
        stream = client.begin("POST", "/upload-hash", end=False)
        client.upload(stream, body, pad)
        client.h2.end_stream(stream)
        client.send()
        status, answer, _ = client.response(stream)
        same((status, json.loads(answer)["sha256"]), (200, hashlib.sha256(body).hexdigest()))


def priority(*address):
    client = Client(*address)
    streams = []
    for at in range(10):
        weight = {"priority_weight": 1 + at * 25, "priority_exclusive": at % 2 == 0}
        depends = {"priority_depends_on": streams[-1]} if streams else {}
        streams.append(client.begin("GET", "/large?bytes=50000", **weight, **depends))
        client.h2.prioritize(streams[0], weight=1 + at, depends_on=1001 + at * 2)
    client.send()
    for stream in streams:
        same(client.response(stream)[:2], (200, pattern(50_000)))


def continuation(*address):
    client = Client(*address)
    # More than one frame holds: the code of these characters is longer than they are.
    fields = [(f"x-{at}", "{}|" * 200 + str(at)) for at in range(20)]
    for _ in range(3):
        status, answer, _ = client.get("/headers", fields)
        same(status, 200)
        seen = {name.lower(): value for name, value in json.loads(answer).items()}
        for name, value in fields:
            same(seen.get(name), [value])
    stream = client.begin("POST", "/upload-hash", end=False)
    client.upload(stream, b"hello")
    client.h2.send_headers(stream, [("x-sum", "{}|" * 4000)], end_stream=True)
    client.send()
    same(json.loads(client.response(stream)[1])["trailers"]["x-sum"], "{}|" * 4000)


def windows(*address):
    """The window of all streams goes down while they are used, below nothing, and up again."""
    client = Client(*address)
    client.gives_back = False
    size = 60_000
    streams = [client.begin("GET", f"/large?bytes={size * 4}") for _ in range(3)]
    got = dict.fromkeys(streams, b"")

    def take():
        for event in [event for event in client.events if isinstance(event, DataReceived)]:
            got[event.stream_id] += event.data
            client.events.remove(event)

    # The connection's window is used up by whichever streams were first.
    while sum(map(len, got.values())) < 65_535:
        client.read()
        take()
    client.h2.update_settings({SettingCodes.INITIAL_WINDOW_SIZE: 0})
    client.h2.increment_flow_control_window(0x7000_0000)
    client.send()
    client.acknowledged()
    take()
    before = {stream: len(body) for stream, body in got.items()}
    client.h2.ping(b"anything")
    client.send()
    client.wait(PingAckReceived)
    take()
    same({stream: len(body) for stream, body in got.items()}, before)
    for window in (1, 100, 20_000, 1_000_000):
        client.h2.update_settings({SettingCodes.INITIAL_WINDOW_SIZE: window})
        client.send()
        client.acknowledged()
        take()
    for stream in streams:
        client.wait(StreamEnded, stream)
        take()
        assert got[stream] == pattern(size * 4), f"{len(got[stream])} bytes of stream {stream}"


def header_table(*address):
    """The table shrinks, vanishes and grows while answers are under way."""
    client = Client(*address)
    for size in (4096, 100, 0, 65_536, 4096):
        client.h2.update_settings({SettingCodes.HEADER_TABLE_SIZE: size})
        streams = [client.begin("GET", f"/large?bytes=5&type=a/{size}", [("x-round", str(size))]) for _ in range(5)]
        for stream in streams:
            same(client.response(stream)[:2], (200, pattern(5)))


def frame_sizes(*address):
    for size in (16_384, 100_000, 16_777_215):
        client = Client(*address, {SettingCodes.MAX_FRAME_SIZE: size, SettingCodes.INITIAL_WINDOW_SIZE: 2_000_000})
        same(client.get("/large?bytes=3000000&length=true")[:2], (200, pattern(3_000_000)))


def beyond_the_largest_window(*address):
    def update(stream):
        return b"\0\0\4\x08\0" + stream.to_bytes(4, "big") + (2**31 - 1).to_bytes(4, "big")

    client = Client(*address)
    stream = client.begin("POST", "/echo", end=False)
    client.send(update(stream))
    same(client.wait(StreamReset, stream).error_code, ErrorCodes.FLOW_CONTROL_ERROR)
    same(client.get("/")[0], 200)
    client.send(update(0))
    same(client.wait(ConnectionTerminated).error_code, ErrorCodes.FLOW_CONTROL_ERROR)


def resets_and_unknown_frames(*address):
    client = Client(*address)
    for round in range(20):
        dropped = client.begin("GET", "/large?bytes=3000000")
        client.wait(ResponseReceived, dropped)
        # A type that nobody knows, with every flag, on a stream and on none.
        for stream in (0, dropped):
            client.send(b"\0\0\5\xbe\xff" + stream.to_bytes(4, "big") + b"hello")
        client.h2.reset_stream(dropped, ErrorCodes.CANCEL)
        client.send()
        same(client.get("/")[:2], (200, b"Hello World!"))


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
