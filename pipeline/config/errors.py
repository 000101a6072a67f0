"""Errors that a person can meet: one base class, one class per failure; each message is a sentence with what to do."""

from pipeline.config.credentials import without_credentials


class ProvisioningError(Exception):
    """Something could not be done; the message says what, where, what was expected and what to do.

    It is shown on pages, by commands and in messages, so it never holds a credential.
    """

    def __init__(self, *words: object) -> None:
        super().__init__(*(without_credentials(word) if isinstance(word, str) else word for word in words))


class InvalidRequest(ProvisioningError):
    """A command's arguments cannot be carried out; the message says why. Only commands raise it."""


class SettingsError(ProvisioningError):
    """A setting has a value that cannot be used; the message names it and the value expected."""


class TenantsError(ProvisioningError):
    """The file of tenants cannot be used; the message says where, what was seen and what was expected."""


class StoreError(ProvisioningError):
    """The store could not do what was asked; the message says what, where and what to do."""

    by_data = False
    "Whether a value is to blame, rather than the disk, the catalog or another process."


class StoreBusy(StoreError):
    """Another writer held the store for longer than PROVISIONING_LOCK_WAIT."""


class StoreUnreachable(StoreError):
    """The server of the catalog went away; nothing is wrong with what was to be read or written."""


class StoreMissing(StoreError):
    """There is no store yet where the settings point."""


class Unreadable(StoreError):
    """DuckDB refuses to read what it was given as it is; another way of reading it may do."""

    full = False
    "Whether it was for want of memory."


class QuestionRefused(StoreError):
    """A statement is not one read-only question."""


class QuestionTooLong(StoreError):
    """A question took longer than a screen may wait, and was ended."""


class QuestionCancelled(StoreError):
    """A person cancelled the question."""


class UnknownApp(ProvisioningError):
    """No app in the store has that name or id; the message names the nearest."""


class UnknownQuery(ProvisioningError):
    """No file of `queries/` has that name."""


class WrongValue(ProvisioningError):
    """A parameter has a value that its type cannot hold, or is missing, or is not one of the query's."""


class IngestError(ProvisioningError):
    """A path cannot be read at all; the message says which and why."""


class TooMuch(IngestError):
    """A compressed file holds more than it may; the message says how much that is, and which setting says so."""


class ProfileError(ProvisioningError):
    """A file of profiles cannot be used; the message says where, what was seen and what was expected."""


class RulesError(ProvisioningError):
    """rules.toml, or a rule's header, cannot be used; the message says where and what was expected."""


class UnknownIncident(ProvisioningError):
    """No incident has that id; the message says how to list them."""


class GraphError(ProvisioningError):
    """Graph could not be read; the message says where, what was seen, what was expected and what to do."""

    transient = False
    "Whether the next try may go well."

    def __init__(self, sentence: str, *, retry_after: float | None = None) -> None:
        super().__init__(sentence)
        self.retry_after = retry_after
        "Seconds for which Graph asks to be left alone, when it says so."


class ContainerError(ProvisioningError):
    """A container could not be read; the message says which, what was seen and what to do."""


class RoutesError(ProvisioningError):
    """The file of routes cannot be used; the message says where, what was seen and what was expected."""


class PublishError(ProvisioningError):
    """The file could not be written; the message says which and why."""


class JobFailed(ProvisioningError):
    """A background job could not do all of its work; the message names the file or tenant concerned, and why."""


class TokenRefused(ProvisioningError):
    """A token's expiry cannot be recorded; the message says why, without a letter of the token."""
