"""Tornado's simple_httpclient, which opens a connection for each request; see clients.mjs for the commands on stdin."""

import asyncio
import json
import signal
import sys
import time

from tornado.httpclient import HTTPRequest
from tornado.simple_httpclient import SimpleAsyncHTTPClient

SETTINGS = json.loads(sys.argv[1])
PORT, IN_FLIGHT, ORIGINS = SETTINGS["port"], SETTINGS["inFlight"], SETTINGS["origins"]
UPLOAD = {"method": "POST", "headers": {"Content-Type": "application/octet-stream"}, "body": b"x" * SETTINGS["upBytes"]}
SENT = UPLOAD if SETTINGS["upBytes"] else {}
host = 1


def next_origin():
    global host
    host += 1
    return f"http://127.{host >> 16}.{host >> 8 & 255}.{host & 255}:{PORT}/"


async def fetch(client, url):
    response = await client.fetch(HTTPRequest(url, decompress_response=False, **SENT))
    if response.code != 200 or len(response.body) != SETTINGS["downBytes"]:
        sys.exit(f"a response with status {response.code} and {len(response.body)} bytes")


async def run(client, ms):
    count, last, end = 0, host + ORIGINS, time.monotonic() + ms / 1000

    async def work():
        nonlocal count
        while host < last if ORIGINS else time.monotonic() < end:
            await fetch(client, next_origin() if ORIGINS else f"http://127.0.0.1:{PORT}/")
            count += 1

    await asyncio.gather(*(work() for _ in range(IN_FLIGHT)))
    return count


async def main():
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, lambda: sys.exit(0))
    client = SimpleAsyncHTTPClient(force_instance=True, max_clients=IN_FLIGHT)
    print(json.dumps({"backend": "tornado"}), flush=True)
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        command, number = line.split()
        begun = time.monotonic()
        if command == "run":
            count = await run(client, int(number))
        else:
            count = int(number)
            await asyncio.gather(*(fetch(client, f"http://127.0.0.1:{PORT}/") for _ in range(count)))
        print(json.dumps({"count": count, "wallNs": (time.monotonic() - begun) * 1e9}), flush=True)


asyncio.run(main())
