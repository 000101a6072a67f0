"""Files of exports on their way to the browser: written while they are read, whatever their length.

`st.download_button` of Streamlit 1.67 would keep a whole file in memory, and its browser part gives up after three
minutes. Can go when it takes a stream.
"""

import io
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, Full, Queue
from secrets import token_urlsafe
from threading import Event, Lock, Thread
from typing import BinaryIO
from urllib.parse import quote

import anyio.to_thread
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse

from pipeline.config.errors import ProvisioningError
from pipeline.store.time_limit import Stop

Write = Callable[[BinaryIO, Stop], None]
"Writes a file; it is to end when the other is asked."
MOST_OFFERS = 2000
PIECE = 1 << 16
WAITING_PIECES = 16
LOOK_S = 0.2


@dataclass(frozen=True)
class Offer:
    """A file that a page offers."""

    name: str
    kind: str
    write: Write


class Offers:
    """The files that pages offer, by words that nobody can guess; the oldest are forgotten."""

    def __init__(self) -> None:
        self.lock = Lock()
        self.offers: OrderedDict[str, Offer] = OrderedDict()

    def add(self, ticket: str, offer: Offer) -> str:
        """Offers a file under a ticket, or a new one, and returns its address, from any page."""
        with self.lock:
            ticket = ticket if ticket in self.offers else token_urlsafe(24)
            self.offers[ticket] = offer
            self.offers.move_to_end(ticket)
            while len(self.offers) > MOST_OFFERS:
                self.offers.popitem(last=False)
        return ticket

    def find(self, ticket: str) -> Offer | None:
        """Returns what a ticket offers."""
        with self.lock:
            return self.offers.get(ticket)


OFFERS = Offers()


class Abandoned(Exception):
    """Nothing reads the file any more."""


class Pieces(io.RawIOBase):
    """What a thread writes, to be read piece by piece by another; writing waits for reading."""

    def __init__(self, write: Write) -> None:
        self.queue: Queue[bytes] = Queue(WAITING_PIECES)
        self.over, self.abandoned = Event(), Event()
        self.stop, self.length = Stop(), 0
        self.error: BaseException | None = None
        self.thread = Thread(target=self.run, args=(write,), name="export", daemon=True)
        self.thread.start()

    def run(self, write: Write) -> None:
        """Writes the file."""
        try:
            with io.BufferedWriter(self, PIECE) as out:
                write(out, self.stop)
        except Abandoned:
            pass
        except BaseException as error:
            self.error = error
        finally:
            self.over.set()

    def writable(self) -> bool:
        """Whether it can be written."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Returns how much was written, for those who ask where they are; it cannot be moved."""
        if (offset, whence) != (0, io.SEEK_CUR):
            raise io.UnsupportedOperation("seek")
        return self.length

    def write(self, data: object, /) -> int:
        """Hands a piece over; raises Abandoned when nothing reads any more."""
        piece = bytes(data)  # type: ignore[call-overload]
        while True:
            if self.abandoned.is_set():
                raise Abandoned
            with suppress(Full):
                self.queue.put(piece, timeout=LOOK_S)
                self.length += len(piece)
                return len(piece)

    def __iter__(self) -> Iterator[bytes]:
        """Yields the pieces; raises what writing raised."""
        while True:
            ended = self.over.is_set()
            try:
                yield self.queue.get(timeout=0 if ended else LOOK_S)
            except Empty:
                if ended:
                    break
        if self.error is not None:
            raise self.error

    def abandon(self) -> None:
        """Ends the writing."""
        self.abandoned.set()
        self.stop.ask()


async def export_file(request: Request) -> Response:
    """Answers with a file that a page offers, as it is written."""
    offer = OFFERS.find(request.path_params["ticket"])
    if offer is None:
        return PlainTextResponse("This export is not offered any more. Open its page again and export anew.", 404)
    pieces = Pieces(offer.write)
    rest = iter(pieces)
    try:
        first = await anyio.to_thread.run_sync(next, rest, b"")
    except ProvisioningError as error:
        return PlainTextResponse(f"{error}\n", 503)

    def sent() -> Iterator[bytes]:
        try:
            yield first
            yield from rest
        finally:
            pieces.abandon()

    headers = {"Content-Disposition": f"attachment; filename*=UTF-8''{quote(offer.name)}", "Cache-Control": "no-store"}
    return StreamingResponse(sent(), media_type=offer.kind, headers=headers)
