"""A job's schema as Graph's reference describes it, for apps whose tutorial publishes what they take."""

from collections.abc import Sequence
from typing import Any

Document = dict[str, Any]
USER = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"
USERS = (
    ("userName", "[userPrincipalName]", 1),
    ("active", 'Switch([IsSoftDeleted], , "False", "True", "True", "False")', 0),
    ('emails[type eq "work"].value', "[mail]", 0),
    ("name.givenName", "[givenName]", 0),
    ("name.familyName", "[surname]", 0),
    ("externalId", "[mailNickname]", 0),
)
GROUPS = (("displayName", "[displayName]", 1), ("externalId", "[objectId]", 0), ("members", "[members]", 0))


def cerby_schema(*, without: Sequence[str] = (), matched_by: str = "userName", groups: bool = True) -> Document:
    """Returns the schema of a job that provisions Cerby, some of its attributes left out."""
    users = [mapping(name, expression, name == matched_by) for name, expression, _ in USERS if name not in without]
    members = [mapping(name, expression, priority > 0) for name, expression, priority in GROUPS]
    return {
        "id": "scim.schema",
        "version": "v1.0",
        "synchronizationRules": [
            {
                "id": "rule-1",
                "name": "USER_INBOUND_GROUP_INBOUND",
                "sourceDirectoryName": "Azure Active Directory",
                "targetDirectoryName": "customappsso",
                "objectMappings": [
                    object_mapping("User", USER, users, True),
                    object_mapping("Group", GROUP, members, groups),
                ],
            }
        ],
        "directories": [directory("customappsso", {USER: USERS, GROUP: GROUPS})],
    }


def object_mapping(source: str, target: str, mappings: list[Document], enabled: bool) -> Document:
    """Returns an objectMapping."""
    return {
        "enabled": enabled,
        "flowTypes": "Add, Update, Delete",
        "name": f"Synchronize Azure Active Directory {source}s to customappsso",
        "sourceObjectName": source,
        "targetObjectName": target,
        "attributeMappings": mappings,
    }


def mapping(target: str, expression: str, matches: bool) -> Document:
    """Returns an attributeMapping."""
    plain = expression.startswith("[")
    return {
        "defaultValue": None,
        "exportMissingReferences": False,
        "flowBehavior": "FlowWhenChanged",
        "flowType": "Always",
        "matchingPriority": 1 if matches else 0,
        "targetAttributeName": target,
        "source": {
            "expression": expression,
            "name": expression.strip("[]") if plain else "Switch",
            "type": "Attribute" if plain else "Function",
            "parameters": [],
        },
    }


def directory(name: str, objects: dict[str, Sequence[tuple[str, str, int]]]) -> Document:
    """Returns a directoryDefinition."""
    return {
        "id": name,
        "name": name,
        "objects": [
            {
                "name": kind,
                "attributes": [
                    {"name": attribute, "type": "String", "required": False, "multivalued": attribute == "members"}
                    for attribute, _, _ in attributes
                ],
            }
            for kind, attributes in objects.items()
        ],
    }
