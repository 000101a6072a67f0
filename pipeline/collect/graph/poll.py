"""Asks a tenant, turn after turn; one process at a time does."""

from threading import Event

from pipeline.collect.graph.client import Graph, RequestPolicy
from pipeline.collect.graph.errors import Stopped
from pipeline.collect.graph.limiter import Limiter
from pipeline.collect.graph.lock import polling_alone
from pipeline.collect.graph.turn import Memory, Polled, Progress, Turn
from pipeline.config.settings import Settings
from pipeline.config.tenants import Tenant
from pipeline.store.lake import Store


class Poller:
    """Asks one tenant; what it remembers between two turns spares requests and nothing else."""

    def __init__(
        self, settings: Settings, tenant: Tenant, *, policy: RequestPolicy | None = None, limiter: Limiter | None = None
    ) -> None:
        self.tenant = tenant
        self._settings = settings
        self._stop = Event()
        make = lambda: Graph(tenant, settings, policy=policy, limiter=limiter, wait=self._pause)  # noqa: E731
        self._memory = Memory(make)

    def turn(
        self,
        store: Store,
        stop: Event,
        role: str = "poll",
        *,
        budget_s: float | None = None,
        forced: bool = False,
        progress: Progress = lambda _tenant, _share: None,
    ) -> Polled:
        """Asks once for everything; `budget_s` bounds the back-fill, `forced` asks though a feed should be left alone.

        Raises Busy when another process polls this tenant, Stopped when told to stop, StoreError.
        """
        self._stop = stop
        with polling_alone(self._settings, self.tenant.name, role):
            turn = Turn(self._memory, store, self.tenant, budget_s, forced, progress)
            turn.run()
            return turn.polled

    def close(self) -> None:
        """Ends connections and forgets the token."""
        self._memory.close()

    def _pause(self, seconds: float) -> None:
        """Waits, unless told to stop."""
        if self._stop.wait(seconds):
            raise Stopped(f"{self.tenant.name}: stopped; what was read is kept, and the next poll goes on from there.")
