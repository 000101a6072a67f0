"""Errors of requests to Graph; each is a sentence with what to do.

One that is `transient` may be gone at the next try, and is tried again before it is raised.
"""

from pipeline.config.errors import GraphError


class Unreachable(GraphError):
    """No answer came, or it was a server's failure."""

    transient = True


class ServerFailure(Unreachable):
    """A server's failure; the same server may answer other questions."""


class CertificateUntrusted(Unreachable):
    """The server's certificate is not trusted."""

    transient = False


class TimedOut(GraphError):
    """The answer took too long; a smaller window may do."""

    transient = True


class Throttled(GraphError):
    """Too many requests."""

    transient = True


class MalformedAnswer(GraphError):
    """The answer is not what Graph documents."""

    transient = True


class UnexpectedLink(MalformedAnswer):
    """A link leads away from the tenant's Graph, or round in circles."""

    transient = False


class SignInRefused(GraphError):
    """No token, or one that Graph does not take."""


class TokenRejected(SignInRefused):
    """Graph does not take the token; a fresh one may do."""


class ResourceMissing(GraphError):
    """What was requested is not there: 404."""


class Forbidden(GraphError):
    """The token lacks a permission."""

    def __init__(self, sentence: str, path: str) -> None:
        super().__init__(sentence)
        self.path = path
        "What was requested."


class Stopped(Exception):
    """The process was told to stop between two requests; what was read to its end stays."""
