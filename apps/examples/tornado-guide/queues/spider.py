# Crawls a site: three workers take URLs from a queue, and put the links of each page into it.
import asyncio
import re
import sys
from datetime import timedelta
from urllib.parse import urldefrag, urljoin

from tornado import gen
from tornado.httpclient import AsyncHTTPClient, HTTPClientError
from tornado.queues import Queue

WORKERS = 3


async def links_of(url):
    response = await AsyncHTTPClient().fetch(url)
    page = response.body.decode(errors="ignore")
    return [urldefrag(urljoin(url, link)).url for link in re.findall('href="([^"]*)"', page)]


async def main(start):
    queue = Queue()
    seen, fetched, failed = {start}, [], []

    async def visit(url):
        for link in await links_of(url):
            if link.startswith(start) and link not in seen:
                seen.add(link)
                await queue.put(link)
        fetched.append(url)

    async def work():
        async for url in queue:
            if url is None:
                return
            try:
                await visit(url)
            except HTTPClientError as error:
                failed.append("%s: %d" % (url, error.code))
            finally:
                queue.task_done()

    await queue.put(start)
    workers = gen.multi([work() for _ in range(WORKERS)])
    await queue.join(timeout=timedelta(seconds=300))
    for _ in range(WORKERS):
        await queue.put(None)  # ends a worker
    await workers

    for url in sorted(fetched):
        print("fetched %s" % url)
    for problem in sorted(failed):
        print("failed %s" % problem)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
