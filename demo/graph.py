"""The stand-in's answers to requests, as Microsoft Graph and Entra's token endpoint give them; it has no sockets."""

import secrets
import uuid
from collections import deque
from collections.abc import Callable
from datetime import datetime
from urllib.parse import parse_qsl

from demo.faults import Faults
from demo.filters import read_filter
from demo.pages import Pages
from demo.tenant import EVENTS, PRINCIPALS, SYNCHRONIZATION, Document, TenantData
from demo.tokens import LASTS_S, STATUSES, Refusal, make_token, read_token, refusal_body
from demo.wire import GraphError, HttpRequest, HttpResponse, missing_resource, too_many, unauthenticated


class Graph:
    """Answers requests for its tenants."""

    def __init__(
        self, tenants: list[TenantData], faults: Faults, clock: Callable[[], datetime], page_size: int
    ) -> None:
        self.tenants, self.faults, self.clock = tenants, faults, clock
        self._url = ""
        self._key = secrets.token_bytes(32)
        self._pages = Pages(faults, clock, page_size, self._key)
        self._used: dict[str, int] = {}
        self._recent: dict[tuple[str, str], deque[float]] = {}
        self._failures = 0

    @property
    def url(self) -> str:
        """Where it is reached."""
        return self._url

    @url.setter
    def url(self, url: str) -> None:
        self._url = self._pages.url = url

    def answer(self, request: HttpRequest) -> HttpResponse:
        """Answers a request; whatever is wrong is answered too."""
        try:
            parts = [part for part in request.path.split("/") if part]
            if parts[:1] in (["v1.0"], ["beta"]):
                return self._graph(request, parts[1:])
            return self._entra(request, parts)
        except Refusal as refusal:
            return HttpResponse(STATUSES[refusal.kind], refusal_body(refusal, self.clock()))
        except GraphError as error:
            return HttpResponse(error.status, self._error_body(error), error.headers)

    def _entra(self, request: HttpRequest, parts: list[str]) -> HttpResponse:
        """Answers where tokens are asked for."""
        tenant_id = parts[0] if parts else ""
        if parts[1:] == ["v2.0", ".well-known", "openid-configuration"] and request.method == "GET":
            self._tenant(tenant_id)
            return HttpResponse(200, self._discovery(tenant_id))
        if parts[1:] != ["oauth2", "v2.0", "token"]:
            raise GraphError(404, "ResourceNotFound", f"Resource not found for the segment '{request.path}'.")
        if request.method != "POST":
            raise Refusal(900561, "invalid_request", "The endpoint only accepts POST requests.")
        if self.faults.strikes("tokens_failing", request.path):
            return HttpResponse(503, {"error": "temporarily_unavailable", "error_description": "Try again later."})
        return HttpResponse(200, self._token(tenant_id, dict(parse_qsl(request.body.decode()))))

    def _tenant(self, tenant_id: str) -> TenantData:
        """Finds a tenant by its id."""
        for tenant in self.tenants:
            if tenant.tenant_id.lower() == tenant_id.lower():
                return tenant
        raise Refusal(90002, "invalid_request", f"Tenant '{tenant_id}' not found. Check the tenant ID.")

    def _discovery(self, tenant_id: str) -> Document:
        """Returns what the client's library asks before its first token."""
        own = f"{self.url}/{tenant_id}"
        return {
            "issuer": f"{own}/v2.0",
            "authorization_endpoint": f"{own}/oauth2/v2.0/authorize",
            "token_endpoint": f"{own}/oauth2/v2.0/token",
            "jwks_uri": f"{own}/discovery/v2.0/keys",
            "token_endpoint_auth_methods_supported": ["client_secret_post"],
            "response_types_supported": ["code"],
            "subject_types_supported": ["pairwise"],
            "id_token_signing_alg_values_supported": ["RS256"],
        }

    def _token(self, tenant_id: str, form: dict[str, str]) -> Document:
        """Returns a token for a client's secret."""
        tenant, client_id = self._tenant(tenant_id), form.get("client_id", "")
        if form.get("grant_type") != "client_credentials":
            raise Refusal(70003, "unsupported_grant_type", "The app requested an unsupported grant type.")
        if client_id != tenant.client_id:
            message = f"Application with identifier '{client_id}' was not found in the directory '{tenant.name}'."
            raise Refusal(700016, "unauthorized_client", message)
        if client_id in self.faults.expired:
            message = f"The provided client secret keys for app '{client_id}' are expired."
            raise Refusal(7000222, "invalid_client", message)
        if form.get("client_secret") != tenant.secret or client_id in self.faults.revoked:
            message = (
                "Invalid client secret provided. Ensure the secret being sent in the request is the client secret "
                f"value, not the client secret ID, for a secret added to app '{client_id}'."
            )
            raise Refusal(7000215, "invalid_client", message)
        token = make_token(self._key, tenant.tenant_id, client_id, tenant.roles, self.url)
        return {"token_type": "Bearer", "expires_in": LASTS_S, "ext_expires_in": LASTS_S, "access_token": token}

    def _graph(self, request: HttpRequest, parts: list[str]) -> HttpResponse:
        """Answers a request to Graph, or misbehaves; only what is read is allowed."""
        if request.method != "GET":
            raise GraphError(405, "Request_BadRequest", f"{request.method} is not allowed: the stand-in is only read.")
        self._disturb(request.path)
        tenant, token = self._caller(request.authorization)
        reports = parts[:1] == ["auditLogs"]
        if reports:
            self._throttle(tenant, request.real_s)
        answer = HttpResponse(200, self._body(tenant, token, parts, request))
        answer.delay_s = self._delay(request)
        answer.spoilt = next(
            (each for each in ("dropped", "malformed", "truncated") if self._struck(each, request)), ""
        )
        return answer

    def _struck(self, fault: str, request: HttpRequest) -> bool:
        return self.faults.strikes(fault, request.path)

    def _delay(self, request: HttpRequest) -> float:
        """Returns how long an answer takes."""
        events = "auditLogs" in request.path and self.faults.slow_hours
        wide = events and read_filter(request.query.get("$filter", "")).hours > self.faults.slow_hours
        return self.faults.slow_s if wide or self._struck("slow", request) else 0.0

    def _disturb(self, path: str) -> None:
        """Fails before anything is looked at."""
        if self.faults.strikes("throttled", path):
            raise too_many({"Retry-After": str(self.faults.retry_after_s)})
        if self.faults.strikes("throttled_silently", path):
            raise too_many({})
        if self.faults.strikes("failing", path):
            status = (500, 503, 504)[self._failures % 3]
            self._failures += 1
            code = {500: "InternalServerError", 503: "serviceNotAvailable", 504: "gatewayTimeout"}[status]
            raise GraphError(status, code, "The service could not answer; try again later.")

    def _caller(self, authorization: str) -> tuple[TenantData, Document]:
        """Returns the tenant of a request's token, and the token's claims."""
        token = authorization.removeprefix("Bearer ")
        if not authorization.startswith("Bearer ") or not token:
            raise unauthenticated("Access token is empty.")
        claims = read_token(self._key, token)
        if claims is None or claims["appid"] in self.faults.revoked:
            raise unauthenticated("Access token validation failure. Invalid audience or signature.")
        used = self._used[claims["uti"]] = self._used.get(claims["uti"], 0) + 1
        if self.faults.token_requests is not None and used > self.faults.token_requests:
            raise unauthenticated("Lifetime validation failed, the token is expired.")
        return self._tenant(claims["tid"]), claims

    def _throttle(self, tenant: TenantData, now_s: float) -> None:
        """Counts the requests of an app in a tenant, as Graph does for all reports together."""
        faults = self.faults
        if not faults.throttle:
            return
        recent = self._recent.setdefault((tenant.tenant_id, tenant.client_id), deque())
        while recent and recent[0] <= now_s - faults.throttle_s:
            recent.popleft()
        if len(recent) >= faults.throttle_requests:
            wait = max(1, round(recent[0] + faults.throttle_s - now_s + 0.5))
            raise too_many({"Retry-After": str(wait)} if faults.throttle_says_when else {})
        recent.append(now_s)

    def _body(self, tenant: TenantData, token: Document, parts: list[str], request: HttpRequest) -> Document:
        """Returns what is asked for."""
        if parts == ["auditLogs", "provisioning"]:
            self._need(token, EVENTS, "Authentication_MSGraphPermissionMissing")
            return self._pages.events(tenant, request)
        if parts == ["servicePrincipals"]:
            self._need(token, PRINCIPALS, "Authorization_RequestDenied")
            return self._pages.counted(request, [self._principal(each, request) for each in self._principals(tenant)])
        if parts[:1] == ["servicePrincipals"] and parts[2:3] == ["synchronization"]:
            self._need(token, SYNCHRONIZATION, "Authorization_RequestDenied")
            return self._synchronization(tenant, parts[1], parts[3:], request)
        if parts[:1] == ["servicePrincipals"] and len(parts) == 2:
            self._need(token, PRINCIPALS, "Authorization_RequestDenied")
            return self._principal(self._find_principal(tenant, parts[1]), request)
        raise GraphError(400, "BadRequest", f"Resource not found for the segment '{'/'.join(parts)}'.")

    def _need(self, token: Document, permissions: tuple[str, ...], code: str) -> None:
        """Refuses an app that has none of the permissions."""
        if not (set(token["roles"]) - self.faults.missing) & set(permissions):
            if code == "Authorization_RequestDenied":
                raise GraphError(403, code, "Insufficient privileges to complete the operation.")
            message = f"Calling principal does not have required MSGraph permissions {', '.join(permissions)}"
            raise GraphError(403, code, message)

    def _principals(self, tenant: TenantData) -> list[Document]:
        return [each for each in tenant.principals if each["id"] not in self.faults.deleted]

    def _principal(self, principal: Document, request: HttpRequest) -> Document:
        """Returns the properties of a service principal that are asked for."""
        names = request.query.get("$select", "")
        return {name: principal.get(name) for name in names.split(",")} if names else principal

    def _find_principal(self, tenant: TenantData, sp_id: str) -> Document:
        """Finds a service principal."""
        for each in self._principals(tenant):
            if each["id"] == sp_id:
                return each
        raise missing_resource(sp_id)

    def _synchronization(self, tenant: TenantData, sp_id: str, parts: list[str], request: HttpRequest) -> Document:
        """Returns jobs, one job, its schema, or the secrets."""
        self._find_principal(tenant, sp_id)
        if parts == ["secrets"]:
            return {"value": tenant.secrets.get(sp_id, [])}
        jobs = self._jobs(tenant, sp_id)
        if parts == ["jobs"]:
            return {"@odata.context": f"{self.url}/v1.0/$metadata#servicePrincipals", "value": jobs}
        job = next((each for each in jobs if parts[:1] == ["jobs"] and each["id"] == parts[1]), None)
        if job is None:
            raise missing_resource("/".join(parts))
        if len(parts) == 2:
            return job
        if parts[2:] == ["schema"]:
            old = next((old for old, new in self.faults.recreated.items() if new == job["id"]), job["id"])
            return tenant.schemas.get(old) or {"id": old, "synchronizationRules": []}
        raise GraphError(400, "BadRequest", f"Resource not found for the segment '{request.path}'.")

    def _jobs(self, tenant: TenantData, sp_id: str) -> list[Document]:
        """Returns a service principal's jobs as they are now."""
        current = tenant.jobs(self.clock()) if callable(tenant.jobs) else tenant.jobs
        jobs = current.get(sp_id, [])
        return [job | {"id": self.faults.recreated.get(job["id"], job["id"])} for job in jobs]

    def _error_body(self, error: GraphError) -> Document:
        """Returns an error in Graph's shape."""
        inner = {"date": f"{self.clock():%Y-%m-%dT%H:%M:%S}", "request-id": str(uuid.uuid4())}
        return {"error": {"code": error.code, "message": error.message, "innerError": inner}}
