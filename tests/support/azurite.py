"""Azurite, Microsoft's emulator of Azure Storage, on a free loopback port, and a container of diagnostic logs in it."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from azure.core.credentials import AzureNamedKeyCredential
from azure.storage.blob import ContainerClient, ContainerSasPermissions, generate_container_sas

from pipeline.config.tenants import Tenant
from tests.support.shapes import TENANT

ROOT = Path(__file__).parents[2]
ACCOUNT = "devstoreaccount1"
# The emulator's own account and key, which Microsoft publishes.
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
NAME = "insights-logs-provisioninglogs"
SECRET = "CONTAINER_SECRET"
PROGRAM = shutil.which(
    "azurite-blob", path=f"{ROOT / 'build/azurite/node_modules/.bin'}{os.pathsep}{os.environ.get('PATH', '')}"
)
needs_azurite = pytest.mark.skipif(
    PROGRAM is None and "CI" not in os.environ,
    reason="there is no azurite; npm install --prefix build/azurite azurite",
)


@contextmanager
def emulated() -> Iterator[str]:
    """Runs azurite, which keeps everything in memory; gives the account's address."""
    assert PROGRAM is not None, "azurite is missing; npm install --prefix build/azurite azurite"
    words = ["--blobHost", "127.0.0.1", "--blobPort", "0", "--inMemoryPersistence", "--silent", "--disableTelemetry"]
    command = [PROGRAM, *words, "--skipApiVersionCheck"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert process.stdout is not None
    with process.stdout:
        told = ""
        for line in process.stdout:
            told += line
            if found := re.search(r"successfully listens on (http://127\.0\.0\.1:\d+)", line):
                break
        else:
            raise AssertionError(told)
        try:
            yield f"{found[1]}/{ACCOUNT}"
        finally:
            process.terminate()
            process.wait(30)


class Logs:
    """A container as Azure Monitor fills it; made by `make`."""

    def __init__(self, account: str, name: str) -> None:
        self.url = f"{account}/{name}"
        self.client = ContainerClient.from_container_url(self.url, AzureNamedKeyCredential(ACCOUNT, KEY))

    def make(self) -> "Logs":
        """Makes the container."""
        self.client.create_container()
        return self

    def tenant(self, **more: object) -> Tenant:
        """Gives a tenant whose logs go there."""
        told = {"name": "contoso", "tenant_id": TENANT, "events": False, "jobs": False}
        secret = {"container": self.url, "container_secret_env": SECRET}
        return Tenant.model_validate(told | secret | more)

    def append(self, blob: str, data: bytes) -> str:
        """Adds bytes to the end of a blob, made first where there is none; gives its URL."""
        client = self.client.get_blob_client(blob)
        if not client.exists():
            client.create_append_blob()
        client.append_block(data)
        return f"{self.url}/{blob}"

    def sas(self, permissions: str = "rl", hours: int = 1) -> str:
        """Gives a SAS for the container that ends in some hours."""
        until = datetime.now(UTC) + timedelta(hours=hours)
        name = self.url.rpartition("/")[2]
        allowed = ContainerSasPermissions.from_string(permissions)
        return generate_container_sas(ACCOUNT, name, account_key=KEY, permission=allowed, expiry=until)


def connection_string(account: str) -> str:
    """Gives what the portal shows for an account."""
    return f"DefaultEndpointsProtocol=http;AccountName={ACCOUNT};AccountKey={KEY};BlobEndpoint={account};"


def path(hour: int = 12, day: int = 5, tenant: str = TENANT) -> str:
    """Gives the path of an hour's blob, as was seen for tenant-level logs."""
    return f"tenantId={tenant}/y=2026/m=01/d={day:02d}/h={hour:02d}/m=00/PT1H.json"
