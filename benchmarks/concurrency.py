"""How long do 20 people wait who open a page at the same moment?

Run: python benchmarks/concurrency.py [--store CATALOG] [--sessions 20] [--rounds 3] [--servers 1]. Sessions are real:
each opens the websocket that a browser would, asks for a page and reads until the server says that all of it is sent.
Every page was opened once before, so answers are remembered; sessions are spread over all pages. With more servers,
sessions take turns between them, as behind a proxy. What the browser does with it is measured by browser.py.
"""

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]

from served import processor_seconds, sample_store, served  # noqa: E402
from wanted import print_wanted  # noqa: E402

SECONDS = 2.0
"Within how many seconds 19 of 20 pages are to be drawn, on two cores."


class Session(NamedTuple):
    """One session: its page, and the seconds until its first words below the header and until all of it was sent."""

    page: str
    drawn: float
    messages: int
    megabytes: float


def main() -> None:
    """Serves the dashboard, opens all pages once, then many at once, and prints how long each took."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--store", help="the catalog of a store that is there; a sample tenant's when not given")
    words.add_argument("--sessions", type=int, default=20)
    words.add_argument("--rounds", type=int, default=3)
    words.add_argument("--servers", type=int, default=1)
    given = words.parse_args()
    from views.app import PAGES

    names = [file.removesuffix(".py") for file in PAGES]
    with tempfile.TemporaryDirectory() as name, ExitStack() as running:
        store = given.store or sample_store(Path(name))
        app = ROOT / "dashboard.py"
        servers = [running.enter_context(served(app, f"ducklake:sqlite:{store}")) for _ in range(given.servers)]
        addresses = [address for address, _ in servers]
        # The second time tells what a page takes whose answers are remembered, on each server.
        for address in addresses * 2:
            alone = {page: asyncio.run(at_once([address], [page]))[0] for page in names}
        print_alone(alone)
        chosen = [names[number % len(names)] for number in range(given.sessions)]
        print("| round | drawn, p50 | p95 | processor s a session |\n| ---: | ---: | ---: | ---: |")
        worst = []
        for number in range(given.rounds):
            before = sum(processor_seconds(process) for _, process in servers)
            seconds = sorted(one.drawn for one in asyncio.run(at_once(addresses, chosen)))
            took = (sum(processor_seconds(process) for _, process in servers) - before) / given.sessions
            worst.append(seconds[max(0, round(0.95 * len(seconds)) - 1)])
            print(f"| {number + 1} | {statistics.median(seconds):.2f} | {worst[-1]:.2f} | {took:.3f} |")
        what = f"{given.sessions} sessions at once, {given.servers} server(s): p95 drawn, middle round"
        print_wanted([(what, statistics.median(worst), SECONDS, " s")])


async def at_once(addresses: list[str], pages: list[str]) -> list[Session]:
    """Opens pages at the same moment, in turn on each server, and returns how long each took."""
    return await asyncio.gather(
        *(session(addresses[number % len(addresses)], page) for number, page in enumerate(pages))
    )


async def session(address: str, page: str) -> Session:
    """Opens one page as a browser would and reads until all of it was sent."""
    from streamlit.proto.BackMsg_pb2 import BackMsg
    from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
    from websockets.asyncio.client import connect
    from websockets.typing import Subprotocol

    began = time.perf_counter()
    count, size = 0, 0
    stream = address.replace("http", "ws") + "/_stcore/stream"
    async with connect(stream, subprotocols=[Subprotocol("streamlit")], max_size=None, compression=None) as socket:
        ask = BackMsg()
        ask.rerun_script.page_name = page
        ask.rerun_script.query_string = ""
        await socket.send(ask.SerializeToString())
        async for data in socket:
            assert isinstance(data, bytes)
            count, size = count + 1, size + len(data)
            message = ForwardMsg.FromString(data)
            wrong = message.delta.new_element.exception.message
            assert not wrong, (page, wrong)
            if message.WhichOneof("type") == "script_finished":
                break
        return Session(page, time.perf_counter() - began, count, size / 1e6)


def print_alone(sessions: dict[str, Session]) -> None:
    """Prints what each page takes where nobody else opens one."""
    print("| page, alone | drawn, s | messages | MB |\n| --- | ---: | ---: | ---: |")
    for page, one in sessions.items():
        print(f"| {page} | {one.drawn:.2f} | {one.messages} | {one.megabytes:.2f} |")
    print()


if __name__ == "__main__":
    main()
