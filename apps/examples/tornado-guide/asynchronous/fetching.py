# One fetch, written in four ways.
import asyncio
import sys

from tornado import gen
from tornado.concurrent import Future
from tornado.httpclient import AsyncHTTPClient, HTTPClient
from tornado.ioloop import IOLoop


def fetch_first(url):
    return HTTPClient().fetch(url).body


async def fetch(url):
    response = await AsyncHTTPClient().fetch(url)
    return response.body


@gen.coroutine
def fetch_in_generator(url):
    response = yield AsyncHTTPClient().fetch(url)
    return response.body


def fetch_with_callback(url):
    result = Future()

    def on_response(fetching):
        result.set_result(fetching.result().body)

    IOLoop.current().add_future(AsyncHTTPClient().fetch(url), on_response)
    return result


async def main(url):
    for function in fetch, fetch_in_generator, fetch_with_callback:
        print("then: %d bytes" % len(await function(url)))


if __name__ == "__main__":
    print("first: %d bytes" % len(fetch_first(sys.argv[1])))
    asyncio.run(main(sys.argv[1]))
