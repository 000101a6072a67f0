"""A stand-in for Microsoft Graph: a real HTTPS server on loopback that speaks the documented shapes and can misbehave.

python -m demo.standin serves the sample tenant; its faults are set by POST /_faults.
"""

import asyncio
import json
import logging
import socket
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event, Thread
from typing import Annotated, Any, Self
from urllib.parse import parse_qsl

import typer
import uvicorn

from demo.certificates import make_certificates
from demo.faults import Faults, Trigger
from demo.graph import Graph
from demo.tenant import ALL, TenantData
from demo.wire import HttpRequest, HttpResponse, encoded

__all__ = ["ALL", "Faults", "Request", "StandIn", "TenantData", "Trigger"]

STARTS_WITHIN_S = 20.0
logger = logging.getLogger(__name__)


class StandInError(Exception):
    """The stand-in cannot be started; the message says why."""


@dataclass(frozen=True)
class Request:
    """A request that came, and the status it was answered with."""

    at: datetime
    method: str
    path: str
    query: dict[str, str]
    status: int


class StandIn:
    """The server, in a thread of its own; enter it to start it.

    `with StandIn([tenant]) as graph:` then give `graph.tenants_toml(folder)` to PROVISIONING_TENANTS.
    """

    def __init__(
        self,
        tenants: Sequence[TenantData],
        *,
        clock: Callable[[], datetime] | None = None,
        page_size: int = 100,
        port: int = 0,
    ) -> None:
        self.faults = Faults()
        self.requests: list[Request] = []
        self.clock = clock or (lambda: datetime.now(UTC))
        self.tenants = list(tenants)
        self._graph = Graph(self.tenants, self.faults, self.clock, page_size)
        self._port = port
        self._folder = TemporaryDirectory(prefix="standin-")
        self.ca, self._pem = make_certificates(Path(self._folder.name))
        self._server: uvicorn.Server | None = None
        self._thread: Thread | None = None

    @property
    def url(self) -> str:
        """Where Graph is, and where tokens are asked for."""
        return f"https://127.0.0.1:{self._port}"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends it for good."""
        self.stop()
        self._folder.cleanup()

    def start(self) -> None:
        """Listens, at the same port as before it was stopped; raises StandInError when the port is taken."""
        listening = socket.socket()
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind(("127.0.0.1", self._port))
        except OSError as error:
            listening.close()
            raise StandInError(f"Port {self._port} cannot be used ({error.strerror}); give another one.") from None
        self._port = listening.getsockname()[1]
        self._graph.url = self.url
        config = uvicorn.Config(
            self._serve,
            ssl_certfile=self._pem,
            interface="asgi3",
            http="h11",
            ws="none",
            lifespan="off",
            log_level=logging.CRITICAL,
            date_header=False,
            server_header=False,
            timeout_graceful_shutdown=0,
        )
        self._server = uvicorn.Server(config)
        work = run(self._server, listening)
        self._thread = Thread(target=asyncio.run, args=[work], name="stand-in", daemon=True)
        self._thread.start()
        until = time.monotonic() + STARTS_WITHIN_S
        while not self._server.started:
            if not self._thread.is_alive() or time.monotonic() > until:
                raise StandInError(f"The stand-in did not start at {self.url}.")
            time.sleep(0.005)

    def stop(self) -> None:
        """Stops listening: connections are refused until `start`."""
        if self._server is None or self._thread is None:
            return
        self._server.should_exit = True
        self._thread.join(10)
        self._server = self._thread = None

    def tenants_toml(self, folder: Path) -> Path:
        """Writes the file for PROVISIONING_TENANTS and returns its path; it names the variables of `environment`."""
        file = folder / "tenants.toml"
        file.write_text("\n".join(self._table(tenant) for tenant in self.tenants), encoding="utf-8")
        return file

    def _table(self, tenant: TenantData) -> str:
        """Returns a tenant's table; JSON's strings are TOML's too."""
        table = {
            "tenant_id": tenant.tenant_id,
            "client_id": tenant.client_id,
            "secret_env": variable(tenant),
            "graph": self.url,
            "authority": self.url,
            "ca": str(self.ca),
            "retention_days": tenant.retention_days,
            "app_settings": bool(tenant.secrets),
        }
        lines = [f"{key} = {json.dumps(value)}" for key, value in table.items()]
        return "\n".join([f"[{json.dumps(tenant.name, ensure_ascii=False)}]", *lines, ""])

    def environment(self) -> dict[str, str]:
        """Returns the variables that hold the tenants' secrets."""
        return {variable(tenant): tenant.secret for tenant in self.tenants}

    async def _serve(self, scope: Any, receive: Any, send: Any) -> None:
        """Answers the server's requests: an ASGI application."""
        body = b""
        more = True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        headers = {name.decode().lower(): value.decode("latin-1") for name, value in scope["headers"]}
        request = HttpRequest(
            scope["method"],
            scope["path"],
            dict(parse_qsl(scope["query_string"].decode(), keep_blank_values=True)),
            headers.get("authorization", ""),
            body,
            time.monotonic(),
        )
        if request.path in ("/_faults", "/_requests"):
            answer = self._control(request)
        else:
            answer = self._answer(request)
            self.requests.append(Request(self.clock(), request.method, request.path, request.query, answer.status))
        await self._send(answer, send)

    def _answer(self, request: HttpRequest) -> HttpResponse:
        """Answers as Graph would; a fault of the stand-in's own is logged, since the server would keep it to itself."""
        try:
            return self._graph.answer(request)
        except Exception:
            logger.exception("The stand-in failed at %s %s", request.method, request.path)
            raise

    async def _send(self, answer: HttpResponse, send: Any) -> None:
        """Sends an answer, late or broken off where it is to be."""
        if answer.delay_s:
            await asyncio.sleep(answer.delay_s)
        body = encoded(answer)
        date = format_datetime(
            (self.clock() + timedelta(seconds=self.faults.skew_s)).replace(microsecond=0), usegmt=True
        )
        headers = {"Date": date, "Content-Type": "application/json; charset=utf-8", "Content-Length": str(len(body))}
        pairs = [(name.encode(), value.encode()) for name, value in (headers | answer.headers).items()]
        await send({"type": "http.response.start", "status": answer.status, "headers": pairs})
        if answer.spoilt == "dropped":
            # The server closes the connection of an application that ends before its body does.
            await send({"type": "http.response.body", "body": body[: len(body) // 2], "more_body": True})
            return
        await send({"type": "http.response.body", "body": body})

    def _control(self, request: HttpRequest) -> HttpResponse:
        """Answers another process that reads requests or faults, or sets faults."""
        if request.path == "/_requests":
            rows = [vars(each) | {"at": each.at.isoformat()} for each in self.requests]
            return HttpResponse(200, {"value": rows})
        if request.method == "POST":
            try:
                self.faults.update(json.loads(request.body))
            except (ValueError, TypeError, AttributeError) as error:
                return HttpResponse(400, {"error": str(error)})
        return HttpResponse(200, self.faults.document())


async def run(server: uvicorn.Server, listening: socket.socket) -> None:
    """Serves until told to stop, then cuts off whoever is still connected, or is just about to be.

    Only the loop knows connections whose TLS handshake was never ended; nobody else would close their sockets.
    """
    await server.serve(sockets=[listening])
    loop = asyncio.get_running_loop()
    for transport in list(getattr(loop, "_transports", {}).values()):
        transport.abort()
    # An aborted transport closes its socket in a later turn of the loop.
    for _ in range(5):
        await asyncio.sleep(0)


def variable(tenant: TenantData) -> str:
    """Returns the name of the environment variable that holds a tenant's secret.

    >>> variable(TenantData("", "Contoso-EU", "", ""))
    'STANDIN_SECRET_CONTOSO_EU'
    """
    return "STANDIN_SECRET_" + "".join(letter if letter.isalnum() else "_" for letter in tenant.name.upper())


def main(
    port: Annotated[int, typer.Option(help="Where it listens on 127.0.0.1; 0 chooses a free port.")] = 8443,
    seed: Annotated[int, typer.Option(help="The same seed gives the same tenant.")] = 7,
    folder: Annotated[Path, typer.Option(help="Where tenants.toml and the certificate go.")] = Path("build/standin"),
) -> None:
    """Serve the sample tenant as Microsoft Graph would, until Ctrl-C; GET and POST /_faults tell and set its faults."""
    from demo.sample_tenant import sample_tenant

    midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    stand_in = StandIn([sample_tenant(seed, until=midnight + timedelta(days=1))], port=port)
    try:
        stand_in.start()
    except StandInError as error:
        print(error, file=sys.stderr)
        raise typer.Exit(2) from None
    folder.mkdir(parents=True, exist_ok=True)
    print(f"export PROVISIONING_TENANTS={stand_in.tenants_toml(folder.absolute())}")
    for name, secret in stand_in.environment().items():
        print(f"export {name}={secret}")
    print(f"# {stand_in.url} until Ctrl-C; trust {stand_in.ca}", flush=True)
    try:
        Event().wait()
    except KeyboardInterrupt:
        stand_in.close()


if __name__ == "__main__":
    typer.run(main)
