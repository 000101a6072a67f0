"""A synchronizationSchema: which objects a job provisions, and which attribute of the target gets what.

Only what is looked at has a field. Spellings follow Microsoft's reference; case never matters here.
"""

from collections.abc import Iterator

from pipeline.ingest.records.wire import Wire


class MappingSource(Wire):
    """Where a value comes from: an attribute, a constant or a function of them; `expression` says it as a text."""

    expression: str | None = None
    name: str | None = None
    type: str | None = None


class AttributeMapping(Wire):
    """What flows into one attribute of the target."""

    targetAttributeName: str | None = None
    source: MappingSource | None = None
    matchingPriority: int | None = None
    "Above 0: objects of both sides are matched by it, the lowest number first."
    flowBehavior: str | None = None
    flowType: str | None = None
    defaultValue: str | None = None


class ObjectMapping(Wire):
    """Which object of the source becomes which object of the target."""

    enabled: bool | None = None
    sourceObjectName: str | None = None
    targetObjectName: str | None = None
    attributeMappings: list[AttributeMapping] | None = None


class Rule(Wire):
    """A synchronizationRule: the mappings from one directory to another."""

    sourceDirectoryName: str | None = None
    targetDirectoryName: str | None = None
    objectMappings: list[ObjectMapping] | None = None


class Attribute(Wire):
    """An attributeDefinition: what the directory says of one attribute."""

    name: str | None = None
    type: str | None = None
    required: bool | None = None


class DirectoryObject(Wire):
    """An objectDefinition: one kind of object, with its attributes."""

    name: str | None = None
    attributes: list[Attribute] | None = None


class Directory(Wire):
    """A directoryDefinition: one side of the synchronization."""

    name: str | None = None
    objects: list[DirectoryObject] | None = None


class Schema(Wire):
    """A synchronizationSchema."""

    directories: list[Directory] | None = None
    synchronizationRules: list[Rule] | None = None

    def mapped(self) -> Iterator[tuple[ObjectMapping, AttributeMapping]]:
        """Yields each attribute mapping that is in force, with the objects it belongs to, as Graph orders them."""
        for rule in self.synchronizationRules or []:
            for objects in rule.objectMappings or []:
                if objects.enabled is not False:
                    yield from ((objects, each) for each in objects.attributeMappings or [] if each.targetAttributeName)
