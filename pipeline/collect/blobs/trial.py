"""Tries whether a container may be listed and read, with one name and one byte."""

from azure.core.exceptions import AzureError
from azure.storage.blob import ContainerClient

from pipeline.collect.blobs.container import NoContainer, client_of, sentence
from pipeline.config.errors import ContainerError, GraphError, TenantsError
from pipeline.config.tenants import Tenant

REFUSED = (401, 403)


def try_container(tenant: Tenant) -> tuple[str, str]:
    """Returns present, missing or unknown, and what was seen, in a sentence."""
    try:
        client, who = client_of(tenant)
    except ContainerError as error:
        return "unknown", str(error)
    with client:
        try:
            return "present", read_a_byte(client, who)
        except (AzureError, GraphError, TenantsError, ValueError, OSError) as error:
            refusal = sentence(tenant, who, "listing and reading its blobs", error)
            missing = getattr(error, "status_code", None) in REFUSED and not isinstance(refusal, NoContainer)
            return "missing" if missing else "unknown", str(refusal)


def read_a_byte(client: ContainerClient, who: str) -> str:
    """Lists one blob and reads its first byte; returns what was done."""
    for blob in client.list_blobs(results_per_page=1):
        client.get_blob_client(blob.name).download_blob(offset=0, length=1).readall()
        return f"The container may be listed and read with {who}."
    return f"The container may be listed with {who}; it is empty, so reading was not tried."
