#!/usr/bin/env python3
"""A subscriber without a group, of nothing but Python's standard library.

    REDIS_URL=redis://:PASSWORD@127.0.0.1:6379/0 ./subscriber.py

REDIS_SOCKET: a Unix socket instead of that host. PREFIX: of [redis] prefix. LAST_FILE: where the number of the
last event that was dealt with is kept. It begins with the hash, which is the present, and goes on
with the stream from where it was. Redis speaks RESP2: https://redis.io/docs/latest/develop/reference/protocol-spec/
"""

import json
import os
import signal
import socket
import sys
import time
from urllib.parse import unquote, urlsplit

PREFIX = os.environ.get("PREFIX", "refreshd:")
STREAM = PREFIX + "events"
LAST_FILE = os.environ.get("LAST_FILE", "subscriber-py.last")
BATCH = 100
BLOCK_MS = 2_000
SILENCE_S = 10  # longer than a blocking read may take: Redis is gone


class RedisError(Exception):
    """An error reply."""


class Redis:
    """One connection: call("GET", "x") sends a command and returns its reply."""

    def __init__(self):
        url = urlsplit(os.environ.get("REDIS_URL", "redis://127.0.0.1:6379/0"))
        path = os.environ.get("REDIS_SOCKET")
        if path:
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.settimeout(SILENCE_S)
            self.socket.connect(path)
        else:
            self.socket = socket.create_connection((url.hostname, url.port or 6379), SILENCE_S)
        self.input = self.socket.makefile("rb")
        if url.password:
            user = [unquote(url.username)] if url.username else []
            self.call("AUTH", *user, unquote(url.password))
        if url.path.strip("/"):
            self.call("SELECT", url.path.strip("/"))

    def call(self, *words):
        parts = [str(word).encode() for word in words]
        request = b"*%d\r\n" % len(parts)
        for part in parts:
            request += b"$%d\r\n%s\r\n" % (len(part), part)
        self.socket.sendall(request)
        return self._reply()

    def _line(self):
        line = self.input.readline()
        if not line.endswith(b"\r\n"):
            raise ConnectionError("Redis ended the connection")
        return line[:-2]

    def _reply(self):
        line = self._line()
        kind, rest = line[:1], line[1:]
        if kind == b"-":
            raise RedisError(rest.decode())
        if kind == b"+":
            return rest.decode()
        if kind == b":":
            return int(rest)
        if kind == b"$":
            return None if rest == b"-1" else self._bulk(int(rest))
        if kind == b"*":
            return None if rest == b"-1" else [self._reply() for _ in range(int(rest))]
        raise ConnectionError("Redis says what nobody understands")

    def _bulk(self, length):
        data = self.input.read(length + 2)
        if len(data) != length + 2:
            raise ConnectionError("Redis ended the connection")
        return data[:-2].decode()

    def close(self):
        self.input.close()
        self.socket.close()


def pairs(flat):
    """["a", "b", "c", "d"] as {"a": "b", "c": "d"}."""
    return dict(zip(flat[::2], flat[1::2]))


def last_number():
    try:
        with open(LAST_FILE, encoding="ascii") as file:
            return int(file.read())
    except FileNotFoundError:
        return 0


def remember(number):
    with open(LAST_FILE + ".new", "w", encoding="ascii") as file:
        file.write(f"{number}\n")
    os.replace(LAST_FILE + ".new", LAST_FILE)


def handle(event):
    """What to do about an event. Here: a line for each."""
    print(event["id"], event["subject"], event["type"], sep="\t", flush=True)


def show_present(redis):
    hash_ = pairs(redis.call("HGETALL", PREFIX + "needs_reconnect"))
    print(f"{len(hash_)} connections need a reconnect now", file=sys.stderr)


def follow(redis):
    last = last_number()
    while True:
        # Ids of a Redis that was emptied begin anew and stay below `last`: nothing comes twice.
        answer = redis.call("XREAD", "COUNT", BATCH, "BLOCK", BLOCK_MS, "STREAMS", STREAM, f"{last}-0")
        for _, entries in answer or []:
            for entry_id, fields in entries:
                handle(json.loads(pairs(fields)["event"]))
                last = int(entry_id.split("-")[0])
                remember(last)


def main():
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, lambda *_: sys.exit(0))
    while True:
        redis = None
        try:
            redis = Redis()
            show_present(redis)
            follow(redis)
        except (OSError, RedisError) as error:
            print(f"again in a second: {error}", file=sys.stderr, flush=True)
            time.sleep(1)
        finally:
            if redis:
                redis.close()


if __name__ == "__main__":
    main()
