"""What the stand-in gives in pages: events as they were when the first page was asked for, and rows that are counted.

Events come in no order at all: $orderby is taken and not obeyed, which asks most of a client.
"""

import hashlib
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import lru_cache
from urllib.parse import quote

from demo.faults import Faults
from demo.filters import Event, FilterError, instant, read_filter
from demo.tenant import Document, TenantData
from demo.tokens import packed, signature, unpacked
from demo.wire import GraphError, HttpRequest


class Pages:
    """Cuts answers into pages; what a link says is signed, and read by nobody else."""

    def __init__(self, faults: Faults, clock: Callable[[], datetime], size: int, key: bytes) -> None:
        self.url = ""
        self._faults, self._clock, self._size, self._key = faults, clock, size, key

    def events(self, tenant: TenantData, request: HttpRequest) -> Document:
        """Returns a page of events: those that were there when the first page was asked for, in no order of time."""
        mark = self._mark(request)
        as_of = instant(mark["as_of"]) if mark else self._clock()
        try:
            wanted = read_filter(request.query.get("$filter", ""))
        except FilterError as error:
            raise GraphError(400, "BadRequest", str(error)) from None
        kept_from = as_of - timedelta(days=tenant.retention_days)
        matching = [
            event
            for event in tenant.events
            if wanted.passes(event)
            and kept_from <= instant(event["activityDateTime"]) <= as_of
            and self._visible_at(event) <= as_of
        ]
        after = mark.get("after", "")
        rest = sorted((event for event in matching if place(event) > after), key=place)
        return self._cut(request, mark, rest, as_of)

    def _cut(self, request: HttpRequest, mark: Document, rest: list[Event], as_of: datetime) -> Document:
        """Returns the next events, and the link to those after them."""
        page = rest[: self._top(request)]
        body: Document = {"@odata.context": f"{self.url}/v1.0/$metadata#auditLogs/provisioning"}
        again = bool(page) and not mark.get("again") and self._faults.strikes("duplicate_page", request.path)
        if again or len(rest) > len(page):
            after = mark.get("after", "") if again else place(page[-1])
            body["@odata.nextLink"] = self._link(request, {"as_of": as_of.isoformat(), "after": after, "again": again})
        body["value"] = [{key: value for key, value in event.items() if key != "_visibleAt"} for event in page]
        return body

    def _visible_at(self, event: Event) -> datetime:
        """Returns when an event can be read, which is when it happened unless it is late."""
        if "_visibleAt" in event:
            return instant(event["_visibleAt"])
        at = instant(event["activityDateTime"])
        late = self._faults.late and int(place(event)[:8], 16) / 0x100000000 < self._faults.late
        return at + timedelta(seconds=self._faults.late_s) if late else at

    def _top(self, request: HttpRequest) -> int:
        """Returns how many are wanted, at most a page."""
        text = request.query.get("$top", str(self._size))
        if not text.isdigit() or int(text) < 1:
            raise GraphError(400, "BadRequest", f"Invalid value '{text}' for $top query option.")
        return min(int(text), self._size)

    def _link(self, request: HttpRequest, mark: Document) -> str:
        """Builds the link to the next page: what was requested, and a token that only the stand-in reads."""
        text = packed(mark)
        query = {key: value for key, value in request.query.items() if key != "$skiptoken"}
        query["$skiptoken"] = f"{text}.{signature(self._key, text)}"
        return f"{self.url}{request.path}?" + "&".join(f"{key}={quote(value, safe='')}" for key, value in query.items())

    def _mark(self, request: HttpRequest) -> Document:
        """Reads the token of a link; empty for a first page."""
        token = request.query.get("$skiptoken", "")
        if not token:
            return {}
        text, _, signed = token.rpartition(".")
        if signed != signature(self._key, text):
            raise GraphError(400, "BadRequest", "Invalid skip token.")
        return unpacked(text)

    def counted(self, request: HttpRequest, rows: list[Document]) -> Document:
        """Returns a page of rows that are counted."""
        at = int(self._mark(request).get("at", 0))
        top = self._top(request)
        body: Document = {
            "@odata.context": f"{self.url}/v1.0/$metadata#servicePrincipals",
            "value": rows[at : at + top],
        }
        if at + top < len(rows):
            body["@odata.nextLink"] = self._link(request, {"at": at + top})
        return body


def place(event: Event) -> str:
    """Returns an event's place among the others: the same every time, and none of time's."""
    return digest(str(event["id"]))


@lru_cache(maxsize=200_000)
def digest(text: str) -> str:
    """Returns a text's digest."""
    return hashlib.sha256(text.encode()).hexdigest()
