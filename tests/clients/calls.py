"""A gRPC client (grpcio, as distributions have it) against the service of the app Minimal. Messages are plain bytes.

    calls.py NAME TARGET [AUTHORITY.pem]

NAME is one of the functions under "what is shown" below; without an authority the connection is not encrypted. Ends with 0,
or with what was not as it should be."""

import hashlib
import queue
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import grpc

# No call takes longer, on a busy machine either.
PATIENCE = 30
LARGE = 10 * 1024 * 1024


def connect(target, authority):
    options = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
    if authority is None:
        return grpc.insecure_channel(target, options)
    with open(authority, "rb") as file:
        return grpc.secure_channel(target, grpc.ssl_channel_credentials(file.read()), options)


class Service:
    def __init__(self, channel):
        self.unary = channel.unary_unary("/calls.Service/Unary")
        self.missing = channel.unary_unary("/calls.Service/Missing")
        self.download = channel.unary_stream("/calls.Service/Download")
        self.upload = channel.stream_unary("/calls.Service/Upload")
        self.chat = channel.stream_stream("/calls.Service/Chat")
        self.wait = channel.unary_unary("/calls.Service/Wait")
        self.refuse = channel.unary_stream("/calls.Service/Refuse")
        self.reset = channel.unary_unary("/calls.Service/Reset")
        self._waiting = channel.unary_unary("/calls.Service/Waiting")

    def waits_for(self, count):
        """Until the app has so many calls that wait for their end."""
        until = time.monotonic() + PATIENCE
        while int(self._waiting(b"", timeout=PATIENCE)) != count:
            assert time.monotonic() < until, f"the app does not come to {count} waiting calls"
            time.sleep(0.01)


def pattern(start, size):
    return bytes((start + at) % 251 for at in range(251)) * (size // 251 + 1)


def same(found, expected):
    assert found == expected, f"{found!r:.300} instead of {expected!r:.300}"


def fails(call, code):
    """The error of a call that must not succeed."""
    try:
        answer = call()
        answer = list(answer) if hasattr(answer, "__next__") else answer
    except grpc.RpcError as error:
        same(error.code(), code)
        return error
    raise AssertionError(f"{answer!r:.300} instead of {code}")


# What is shown.


def unary(service):
    for message in [b"", b"hello", bytes(range(256)), b"x" * 70_000]:
        same(service.unary(message, timeout=PATIENCE), message)


def large(service):
    message = pattern(0, LARGE)[:LARGE]
    assert service.unary(message, timeout=PATIENCE) == message, "10 MiB came back changed"


def metadata(service):
    sent = [("x-text", "a, b;c"), ("x-data-bin", bytes(range(256)))]
    answer, call = service.unary.with_call(b"", metadata=sent, timeout=PATIENCE)
    leading, trailing = dict(call.initial_metadata()), dict(call.trailing_metadata())
    for name, value in sent:
        same(leading.get(name), value)
        same(trailing.get("trailing-" + name), value)
    same(call.code(), grpc.StatusCode.OK)


def server_streaming(service):
    for count, size in [(0 + 1, 0), (1000, 100), (20, 300_000)]:
        messages = list(service.download(b"%d %d" % (count, size), timeout=PATIENCE))
        same(len(messages), count)
        for at, message in enumerate(messages):
            assert message == pattern(at, size)[:size], f"message {at} of {size} bytes"


def client_streaming(service):
    for count, size in [(0, 0), (1000, 100), (20, 300_000)]:
        messages = [pattern(at, size)[:size] for at in range(count)]
        expected = f"{count} {count * size} {hashlib.sha256(b''.join(messages)).hexdigest()}"
        same(service.upload(iter(messages), timeout=PATIENCE).decode(), expected)


def interleaved(service):
    """Three conversations on one connection, a message in each in turn; nobody waits for the end of anything."""
    talks = []
    for _ in range(3):
        say = queue.SimpleQueue()
        talks.append((say, service.chat(iter(say.get, None), timeout=PATIENCE)))
    for round in range(50):
        for at, (say, answers) in enumerate(talks):
            message = b"%d in %d" % (round, at) * (round * 40)
            say.put(message)
            same(next(answers), message)
    for say, answers in talks:
        say.put(None)
        same(list(answers), [])
        same(answers.code(), grpc.StatusCode.OK)


def statuses(service):
    error = fails(lambda: service.missing(b"", timeout=PATIENCE), grpc.StatusCode.UNIMPLEMENTED)
    same(error.details(), "there is no such method")
    for number, code in [(5, grpc.StatusCode.NOT_FOUND), (9, grpc.StatusCode.FAILED_PRECONDITION)]:
        for text, messages in [("größer als 100 %", [b"before the end"]), ("!at once", [])]:
            answers = service.refuse(f"{number} {text}".encode(), timeout=PATIENCE)
            found = []
            error = fails(lambda: found.extend(answers), code)
            same(error.details(), text)
            same(found, messages)
    # What the protocol makes of an app that resets the stream.
    for number, code in [(8, grpc.StatusCode.CANCELLED), (11, grpc.StatusCode.RESOURCE_EXHAUSTED)]:
        fails(lambda: service.reset(b"%d" % number, timeout=PATIENCE), code)


def deadlines(service):
    began = time.monotonic()
    fails(lambda: service.wait(b"", timeout=0.3), grpc.StatusCode.DEADLINE_EXCEEDED)
    service.waits_for(0)
    # One that only the app knows of.
    timed = lambda: service.wait(b"", metadata=[("x-deadline", "200m")], timeout=PATIENCE)
    same(fails(timed, grpc.StatusCode.DEADLINE_EXCEEDED).details(), "the deadline has passed")
    assert time.monotonic() - began < PATIENCE, "neither clock ended the call"


def cancelled(service):
    calls = [service.wait.future(b"", timeout=PATIENCE) for _ in range(5)]
    service.waits_for(5)
    for call in calls:
        call.cancel()
    service.waits_for(0)
    # In the middle of messages that nobody counts.
    endless = service.download(b"0 10000", timeout=PATIENCE)
    for _ in range(100):
        next(endless)
    endless.cancel()
    service.waits_for(0)
    # Nothing reads, so that the app must wait for the window; others go on.
    unread = service.download(b"0 1000000", timeout=PATIENCE)
    next(unread)
    same(service.unary(b"meanwhile", timeout=PATIENCE), b"meanwhile")
    unread.cancel()
    service.waits_for(0)


def many(service):
    """100 calls at a time, all of them open before the first ends."""
    meeting = threading.Barrier(100)

    def one(number):
        say = queue.SimpleQueue()
        answers = service.chat(iter(say.get, None), timeout=PATIENCE)
        for round in range(10):
            message = pattern(number, 1000)[: 1000 + round]
            say.put(message)
            same(next(answers), message)
            if round == 0:
                meeting.wait(PATIENCE)
        say.put(None)
        same(list(answers), [])

    with ThreadPoolExecutor(100) as pool:
        list(pool.map(one, range(100)))


if __name__ == "__main__":
    name, target, *authority = sys.argv[1:]
    with connect(target, authority[0] if authority else None) as channel:
        globals()[name](Service(channel))
