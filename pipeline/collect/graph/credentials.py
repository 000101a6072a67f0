"""Tokens for Graph, by azure-identity, and the certificates that are trusted on the way.

A token lives in memory only. What Entra answers when it refuses becomes a sentence with what to do.
"""

import logging
import os
import re
import ssl
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import requests
from azure.core.exceptions import AzureError, ClientAuthenticationError, ServiceRequestError, ServiceResponseError
from azure.core.pipeline.transport import RequestsTransport
from azure.identity import (
    CertificateCredential,
    ClientSecretCredential,
    ManagedIdentityCredential,
    WorkloadIdentityCredential,
)
from requests.adapters import HTTPAdapter

from pipeline.collect.graph.errors import CertificateUntrusted, SignInRefused, TimedOut, Unreachable
from pipeline.config.errors import GraphError, TenantsError
from pipeline.config.retry_policy import http_date, retry_after
from pipeline.config.tenants import Tenant

VERBOSE_LOGGERS = ("azure", "msal", "httpx", "httpcore", "urllib3", "requests")
"Loggers that may print addresses, headers or answers of a sign-in."
MICROSOFT = re.compile(r"https://login\.(microsoftonline\.(com|us)|partner\.microsoftonline\.cn|chinacloudapi\.cn)/?$")
CODE = re.compile(r"AADSTS(\d+)")
Credential = ClientSecretCredential | CertificateCredential | ManagedIdentityCredential | WorkloadIdentityCredential

REMEDIES = {
    "7000215": "the client secret is wrong; put the secret's value, not its id, into {secret}",
    "7000222": "the client secret has expired; make a new one at the app registration and put it into {secret}",
    "700016": "no app {client} is known in this tenant; check client_id and that an administrator has consented",
    "90002": "there is no tenant {tenant} at {authority}; check tenant_id and authority",
    "900023": "{tenant} names no tenant; check tenant_id",
    "700027": "the certificate is not the one that the app registration has, or it has expired; upload it there",
    "7000112": "the app {client} is disabled in this tenant; enable its service principal",
    "7000229": "the app {client} has no service principal in this tenant; an administrator must consent to it",
    "53003": "a Conditional Access policy blocks the app {client}; exclude it or run where the policy allows",
}
"What to do about Entra's codes."


class SignIn:
    """The tokens of one tenant; azure-identity keeps the current one in memory and renews it in time."""

    def __init__(self, tenant: Tenant) -> None:
        for name in VERBOSE_LOGGERS:
            logging.getLogger(name).setLevel(logging.ERROR)
        self._tenant = tenant
        self._credential: Credential | None = None

    def token(self) -> str:
        """Returns a token that is valid now; raises SignInRefused, Unreachable or TimedOut."""
        tenant = self._tenant
        try:
            self._credential = self._credential or make_credential(tenant)
            return str(self._credential.get_token(f"{tenant.graph.rstrip('/')}/.default").token)
        except TenantsError as error:
            raise SignInRefused(str(error)) from None
        except (AzureError, ValueError, OSError) as error:
            # The cause is left out: what azure-identity raises carries the request, and that the secret.
            raise sign_in_error(error, tenant) from None

    def renew(self) -> None:
        """Forgets the token, so that the next one is fresh."""
        self.close()

    def close(self) -> None:
        """Closes the credential."""
        if self._credential is not None:
            self._credential.close()
            self._credential = None


def make_credential(tenant: Tenant) -> Credential:
    """Makes the tenant's credential; raises TenantsError or ValueError where it lacks something."""
    # Whoever asks for a token tries again by a policy of its own; tries within tries took 15 of them.
    return MAKERS[tenant.credential](tenant, {"transport": transport(tenant), "retry_total": 0})


def secret_credential(tenant: Tenant, how: dict[str, Any]) -> Credential:
    """Makes a credential of a client secret from the environment."""
    secret = tenant.secret(tenant.secret_env)
    return ClientSecretCredential(tenant.tenant_id, tenant.client_id, secret, **authority_options(tenant), **how)


def certificate_credential(tenant: Tenant, how: dict[str, Any]) -> Credential:
    """Makes a credential of a certificate with its private key from a file."""
    if tenant.certificate_password_env:
        how = how | {"password": tenant.secret(tenant.certificate_password_env)}
    file = str(tenant.certificate)
    return CertificateCredential(tenant.tenant_id, tenant.client_id, file, **authority_options(tenant), **how)


def managed_credential(tenant: Tenant, _how: dict[str, Any]) -> Credential:
    """Makes a credential of the Azure machine's own identity; its endpoint is local and speaks no TLS.

    The library knows which answers of that endpoint ask for another try.
    """
    return ManagedIdentityCredential(client_id=tenant.client_id or None, retry_total=2)


def workload_credential(tenant: Tenant, how: dict[str, Any]) -> Credential:
    """Makes a credential of a federated token, which Kubernetes puts into the file in AZURE_FEDERATED_TOKEN_FILE."""
    client = tenant.client_id or os.environ.get("AZURE_CLIENT_ID")
    return WorkloadIdentityCredential(tenant_id=tenant.tenant_id, client_id=client, **authority_options(tenant), **how)


MAKERS: dict[str, Callable[[Tenant, dict[str, Any]], Credential]] = {
    "secret": secret_credential,
    "certificate": certificate_credential,
    "managed": managed_credential,
    "workload": workload_credential,
}


def authority_options(tenant: Tenant) -> dict[str, Any]:
    """Returns where tokens are requested; only Microsoft's own hosts can be looked up at Microsoft first."""
    return {"authority": tenant.authority, "disable_instance_discovery": not MICROSOFT.match(tenant.authority)}


def trusted_context(tenant: Tenant) -> ssl.SSLContext:
    """Builds a TLS context that trusts the machine's certificates and those in the tenant's `ca`."""
    context = ssl.create_default_context()
    if tenant.ca is not None:
        try:
            context.load_verify_locations(tenant.ca)
        except (OSError, ssl.SSLError) as error:
            raise GraphError(
                f"{tenant.name}: ca is {tenant.ca}, which holds no certificate that can be read ({error}); "
                "give a file of PEM certificates."
            ) from None
    return context


class ContextAdapter(HTTPAdapter):
    """Speaks TLS by a context, beside what requests trusts by itself."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._context = context
        super().__init__()

    def init_poolmanager(self, *args: Any, **how: Any) -> None:
        super().init_poolmanager(*args, **how, ssl_context=self._context)

    def proxy_manager_for(self, *args: Any, **how: Any) -> Any:
        return super().proxy_manager_for(*args, **how, ssl_context=self._context)


def transport(tenant: Tenant) -> RequestsTransport:
    """Builds what azure-identity sends its requests with."""
    session = requests.Session()
    session.mount("https://", ContextAdapter(trusted_context(tenant)))
    return RequestsTransport(session=session, session_owner=True, connection_timeout=10, read_timeout=30)


def sign_in_error(error: Exception, tenant: Tenant) -> GraphError:
    """Builds the error, a sentence, of what azure-identity raised."""
    message, where = " ".join(str(error).split()), f"{tenant.name}: signing in at {tenant.authority}"
    if "CERTIFICATE_VERIFY_FAILED" in message:
        return CertificateUntrusted(f"{where} met a certificate that is not trusted; give the proxy's in `ca`.")
    if code := CODE.search(message):
        advice = REMEDIES.get(code[1], brief(message)).format(
            secret=tenant.secret_env, client=tenant.client_id, tenant=tenant.tenant_id, authority=tenant.authority
        )
        return SignInRefused(f"{where} was refused (AADSTS{code[1]}): {advice}.")
    if "authority configuration" in message:
        return SignInRefused(
            f"{where} found no tenant {tenant.tenant_id} (AADSTS90002 or the like); check tenant_id and authority."
        )
    if "timed out" in message.lower():
        return TimedOut(f"{where} took too long; see whether a proxy or firewall is in between.")
    if isinstance(error, ServiceRequestError | ServiceResponseError) or "Max retries exceeded" in message:
        return Unreachable(
            f"{where} failed: {connection_failure(message)}; see whether this machine reaches that address."
        )
    if isinstance(error, ClientAuthenticationError) and getattr(error, "status_code", None) in (429, 500, 502, 503):
        after = retry_after_of(getattr(error, "response", None))
        return Unreachable(f"{where} failed: {brief(message)}.", retry_after=after)
    return SignInRefused(f"{where} failed: {brief(message)}.")


def retry_after_of(response: Any) -> float | None:
    """Reads an answer's Retry-After by its own Date."""
    if response is None:
        return None
    now = http_date(response.headers.get("Date")) or datetime.now(UTC)
    return retry_after(response.headers.get("Retry-After"), now)


def connection_failure(message: str) -> str:
    """Returns why a connection failed, in few words."""
    lower = message.lower()
    if any(sign in lower for sign in ("name or service not known", "name resolution", "failed to resolve", "nodename")):
        return "the host's name could not be resolved"
    if "refused" in lower:
        return "the connection was refused"
    return brief(message)


def brief(message: str) -> str:
    """Returns the part of Entra's message that a person can use: no trace ids, no braces, at most a line or two."""
    first = re.split(r"\s*(?:Trace ID|Correlation ID|Timestamp|To mitigate this issue)", message)[0]
    return re.sub(r"[{}]", "", first)[:300].rstrip(". ")
