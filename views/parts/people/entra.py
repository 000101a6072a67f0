"""The address of a user or group in the Entra admin center, where the source of its events is Entra.

Microsoft does not document these addresses; public tools use them in this form.
"""

import re

from pipeline.config.errors import TenantsError
from pipeline.config.settings import read_settings
from pipeline.config.tenants import GUID, read_tenants
from pipeline.knowledge.causes import family_of

PLACES = {
    "User": "Microsoft_AAD_UsersAndTenants/UserProfileMenuBlade/~/overview/userId/",
    "Group": "Microsoft_AAD_IAM/GroupDetailsMenuBlade/~/Overview/groupId/",
}
FROM_ENTRA = ("scim app", "entra to entra", "on-premises")
"Families of jobs whose source is Entra; of the others an id is one of another directory."
WORLDWIDE = "https://graph.microsoft.com"


def entra_address(tenant_id: str, source_type: str, source_id: str, job_id: str) -> str | None:
    """Writes where Entra shows a user or group; None where its id is no Entra object's.

    >>> entra_address("t", "User", "31c989ba-139a-481a-90a0-ccef38fa1619", "Workday2AD.1.2") is None
    True
    """
    is_guid = re.fullmatch(GUID, source_id) and re.fullmatch(GUID, tenant_id)
    if source_type not in PLACES or not is_guid or family_of(job_id) not in FROM_ENTRA or is_elsewhere(tenant_id):
        return None
    return f"https://entra.microsoft.com/{tenant_id}/#view/{PLACES[source_type]}{source_id}"


def is_elsewhere(tenant_id: str) -> bool:
    """Whether a tenant is in another cloud than the worldwide one, whose admin center has another address."""
    try:
        tenants = read_tenants(read_settings())
    except TenantsError:
        return False
    return any(one.graph.rstrip("/") != WORLDWIDE for one in tenants if one.tenant_id.lower() == tenant_id.lower())
