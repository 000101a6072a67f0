"""Messages that several machines deliver over one PostgreSQL catalog, which is restarted and loses its clients."""

import os
import signal
from contextlib import closing
from pathlib import Path

import pytest

from pipeline.notify.outbox import SENT
from pipeline.store.lake import open_store
from tests.notify.test_deliver import states, trouble
from tests.support.given import Given
from tests.support.machines import Machine
from tests.support.postgres import Server, needs_postgres
from tests.support.posts import nothing, post_office, routes_in

APPS = 8 + int(os.environ.get("KILLS", "0"))
SENDER = """
    from datetime import datetime
    from pipeline.notify.deliver import deliver_due
    from pipeline.notify.outbox import waiting
    from pipeline.notify.routes import read_routes
    from pipeline.store.lake import open_store

    settings = read_settings(_env_file=None)
    store = again(lambda: open_store(settings))
    while again(lambda: waiting(store)):
        again(lambda: deliver_due(store, datetime(2026, 1, 20, 12), read_routes(settings)))
        time.sleep(0.05)
"""


@needs_postgres
@pytest.mark.deep
@pytest.mark.timeout(600)
def test_no_message_goes_twice_when_the_database_restarts_while_it_is_sent(server: Server, tmp_path: Path) -> None:
    settings = server.settings(server.database(), tmp_path)
    with post_office() as (box, port), closing(open_store(settings)) as store:
        routes = routes_in(settings, tmp_path, '[route.a]\nemail = "it@example.com"\ngroup_above = 99', port=port)
        trouble(Given(store), routes, *(f"App {number}" for number in range(APPS)))
        machines: list[Machine] = []

        def disturb() -> None:
            # The sender has not heard yet that its letter was taken, and has not recorded it.
            if len(box.letters) % 4 == 2:
                server.restart(signal.SIGQUIT if len(box.letters) % 8 == 2 else signal.SIGINT)

        box.taken = disturb
        notify = {"PROVISIONING_NOTIFY": str(tmp_path / "notify.toml")}
        machines += [Machine(SENDER, settings, tmp_path / f"locks-{one}", **notify) for one in range(2)]
        for one in machines:
            one.wait()
        box.taken = nothing
        assert [one.failure for one in machines] == [None, None], [one.errors[-20:] for one in machines]
        aborts = sum(one.aborts for one in machines)
        assert states(store) == [(SENT, 1)] * APPS or aborts
        assert len(set(box.ids)) == APPS
        assert len(box.ids) - APPS == store.rows("select sum(repeats)::int from outbox")[0][0] <= aborts
