"""The client of Microsoft Graph: one tenant, one limiter, only GET, page by page.

A transient error is tried again, a bounded number of times, with growing pauses; the rest is raised as a sentence. A
link to the next page is followed on the tenant's own Graph and nowhere else, since the token goes with it.
"""

import base64
import json
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Self
from urllib.parse import urlsplit

import httpx

from pipeline.collect.graph.credentials import SignIn, connection_failure, trusted_context
from pipeline.collect.graph.errors import (
    CertificateUntrusted,
    Forbidden,
    MalformedAnswer,
    ResourceMissing,
    ServerFailure,
    SignInRefused,
    Throttled,
    TimedOut,
    TokenRejected,
    UnexpectedLink,
    Unreachable,
)
from pipeline.collect.graph.limiter import RateLimiter, limiter_for
from pipeline.collect.graph.replies import clock_skew, error_text
from pipeline.config import clock
from pipeline.config.errors import GraphError
from pipeline.config.retry_policy import GRAPH_REQUESTS, RetryPolicy, http_date, retry_after
from pipeline.config.settings import Settings
from pipeline.config.tenants import Tenant
from pipeline.ingest.characters import fit_json

__all__ = [
    "CertificateUntrusted",
    "Forbidden",
    "Graph",
    "GraphError",
    "MalformedAnswer",
    "Page",
    "RequestPolicy",
    "ResourceMissing",
    "ServerFailure",
    "SignInRefused",
    "Throttled",
    "TimedOut",
    "UnexpectedLink",
    "Unreachable",
]  # fmt: skip


@dataclass(frozen=True)
class RequestPolicy:
    """How often a request is tried, and after how long its answer takes too long."""

    retry: RetryPolicy = GRAPH_REQUESTS
    timeout_attempts: int = 2
    "Tries of a request whose answer takes too long: a smaller window helps more."
    read_timeout_s: float = 30.0
    "Seconds without a byte."
    total_timeout_s: float = 120.0
    "Seconds though bytes still come."


@dataclass
class Page:
    """One answer."""

    body: bytes
    document: dict[str, Any]
    next: str | None
    "The link to the next page."
    answered_at: datetime | None
    "The server's Date header, UTC."
    skew_s: float = 0.0
    "How far the server's clock is ahead of this one; 0 where the moments of request and answer allow for it."


class Graph:
    """The client of one tenant; `wait` sleeps, and may raise to give up."""

    def __init__(
        self,
        tenant: Tenant,
        settings: Settings,
        *,
        policy: RequestPolicy | None = None,
        limiter: RateLimiter | None = None,
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        self.tenant = tenant
        self.requests = 0
        "Requests sent so far."
        self._settings = settings
        self._policy = policy or RequestPolicy()
        self._limiter = limiter or limiter_for(tenant, settings)
        self.before_wait: Callable[[float], None] | None = None
        "Is called with the seconds of a wait before it begins."
        self._sleep = wait
        self._sign_in = SignIn(tenant)
        self._http = httpx.Client(verify=trusted_context(tenant), timeout=self._policy.read_timeout_s)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends connections and forgets the token."""
        self._http.close()
        self._sign_in.close()

    def roles(self) -> frozenset[str]:
        """Returns the permissions that the token claims, unverified; none when it is no JWT."""
        with suppress(ValueError, IndexError, AttributeError, TypeError):
            middle = self._sign_in.token().split(".")[1]
            claims = json.loads(base64.urlsafe_b64decode(middle + "=" * (-len(middle) % 4)))
            return frozenset(claims.get("roles") or []) | frozenset((claims.get("scp") or "").split())
        return frozenset()

    def pages(self, path: str, **params: str) -> Iterator[Page]:
        """Yields a list's pages, following the link of each to the next."""
        page = self.listed(self.page(path, **params))
        seen: set[str] = set()
        yield page
        while page.next:
            if page.next in seen:
                raise UnexpectedLink(
                    f"{self._where(path)}: the pages lead round in circles; the window is asked again later."
                )
            seen.add(page.next)
            page = self.listed(self.page(page.next))
            yield page

    def listed(self, page: Page) -> Page:
        """Returns a page that holds a list, as those of `pages` must."""
        if not isinstance(page.document.get("value"), list):
            raise MalformedAnswer(f"{self.tenant.name}: Graph's answer has no list `value`; one was expected.")
        return page

    def page(self, path_or_url: str, **params: str) -> Page:
        """Requests one page; a path is relative to `{graph}/{api}`, such as auditLogs/provisioning.

        Raises a GraphError when the last try fails too.
        """
        url, attempt, renewed = self._address(path_or_url), 0, False
        while True:
            attempt += 1
            try:
                return self._once(url, params)
            except TokenRejected:
                if renewed:
                    raise
                renewed = True
                self._sign_in.renew()
            except GraphError as error:
                self._wait_for_retry(error, attempt)

    def _wait_for_retry(self, error: GraphError, attempt: int) -> None:
        """Waits until the next try, or raises the error when there is none."""
        retry, after = self._policy.retry, error.retry_after
        if isinstance(error, TimedOut):
            retry = replace(retry, attempts=self._policy.timeout_attempts)
        if not error.transient or not retry.allows(attempt, after):
            raise error
        if after:
            self._limiter.pause(retry.pause_s(attempt, after))
        else:
            self._wait(retry.pause_s(attempt))

    def _wait(self, seconds: float) -> None:
        """Waits, after whatever has to be done before a wait."""
        if self.before_wait is not None:
            self.before_wait(seconds)
        self._sleep(seconds)

    def _once(self, url: str, params: dict[str, str]) -> Page:
        """Sends the request once."""
        token = self._sign_in.token()
        self._wait(self._limiter.delay())
        self.requests += 1
        headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}
        requested_at = clock.now(self._settings)
        try:
            with self._http.stream("GET", url, params=params or None, headers=headers) as answer:
                body = self._body(answer)
        except httpx.ConnectTimeout:
            raise Unreachable(f"{self._host()} cannot be reached: the connection timed out.") from None
        except httpx.TimeoutException:
            raise TimedOut(
                f"{self._where(url)} did not answer within {self._policy.read_timeout_s:g} seconds."
            ) from None
        except httpx.HTTPError as error:
            raise self._connection_error(url, error) from None
        if answer.status_code != 200:
            raise self._status_error(url, answer, body)
        return self._read(url, answer, body, requested_at)

    def _body(self, answer: httpx.Response) -> bytes:
        """Reads an answer to its end, unless that takes too long."""
        end, parts = time.monotonic() + self._policy.total_timeout_s, []
        for part in answer.iter_bytes():
            parts.append(part)
            if time.monotonic() > end:
                raise httpx.ReadTimeout("slow", request=answer.request)
        return b"".join(parts)

    def _read(self, url: str, answer: httpx.Response, body: bytes, requested_at: datetime) -> Page:
        """Builds a page from an answer."""
        try:
            # Bytes that are not UTF-8 must not keep the page, and with it its whole window, from ever being read.
            document = fit_json(body.decode("utf-8", "replace"))
        except (ValueError, RecursionError):
            raise MalformedAnswer(
                f"{self._where(url)} answered {len(body)} bytes that are no JSON; it is asked again at the next turn."
            ) from None
        if not isinstance(document, dict):
            raise MalformedAnswer(f"{self._where(url)} answered no JSON object; one was expected.")
        link, at = document.get("@odata.nextLink"), http_date(answer.headers.get("Date"))
        skew = clock_skew(at, requested_at, clock.now(self._settings)) if at else 0.0
        return Page(body, document, str(link) if link else None, at, skew)

    def _connection_error(self, url: str, error: httpx.HTTPError) -> GraphError:
        """Builds the error of a connection that failed."""
        message = " ".join(str(error).split())
        if "CERTIFICATE_VERIFY_FAILED" in message:
            return CertificateUntrusted(
                f"{self._host()} shows a certificate that is not trusted; give the proxy's in `ca`."
            )
        if isinstance(error, httpx.ConnectError):
            return Unreachable(
                f"{self._host()} cannot be reached: {connection_failure(message)}; see whether this machine reaches "
                "that address."
            )
        return Unreachable(f"{self._where(url)} broke off inside its answer ({message or type(error).__name__}).")

    def _status_error(self, url: str, answer: httpx.Response, body: bytes) -> GraphError:
        """Builds the error of an answer that is not 200."""
        code, where, text = answer.status_code, self._where(url), error_text(body)
        at = http_date(answer.headers.get("Date")) or clock.now(self._settings)
        after = retry_after(answer.headers.get("Retry-After"), at)
        if code == 401:
            return TokenRejected(f"{where} does not take the token{text}; check the app registration and its consent.")
        if code == 403:
            return Forbidden(f"{where} is forbidden{text}; the app lacks a permission: `preflight` shows which.", url)
        if code == 404:
            return ResourceMissing(f"{where} is not there{text}.")
        if code == 429:
            return Throttled(f"{where} has had too many requests{text}; it is asked again later.", retry_after=after)
        if code in (408, 504):
            return TimedOut(f"{where} took too long and answered {code}{text}.", retry_after=after)
        if code >= 500:
            return ServerFailure(f"{where} answered {code}{text}; it is asked again later.", retry_after=after)
        return GraphError(f"{where} answered {code}{text}; 200 was expected.")

    def _address(self, path_or_url: str) -> str:
        """Returns the URL to request; raises UnexpectedLink for one that is not at the tenant's Graph."""
        root = self.tenant.graph.rstrip("/")
        if "://" not in path_or_url:
            return f"{root}/{self.tenant.api}/{path_or_url.lstrip('/')}"
        link, own = urlsplit(path_or_url), urlsplit(root)
        if (link.scheme, link.netloc.lower()) != (own.scheme, own.netloc.lower()):
            raise UnexpectedLink(
                f"{self.tenant.name}: a page's link leads to {link.scheme}://{link.hostname}, {own.netloc} was "
                "expected; it is not followed, since the token would go with it."
            )
        return path_or_url

    def _host(self) -> str:
        """Returns the tenant's name and its Graph's address."""
        return f"{self.tenant.name}: {self.tenant.graph}"

    def _where(self, url: str) -> str:
        """Returns the tenant's name and the path that was requested."""
        return f"{self.tenant.name}: {url.partition('?')[0].removeprefix(self.tenant.graph.rstrip('/')).lstrip('/')}"
