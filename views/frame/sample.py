"""The sample tenant in one click, where the store is empty: its logs until now are written beside it and loaded."""

import streamlit as st

from pipeline.config.clock import wall_clock
from pipeline.config.errors import ProvisioningError
from pipeline.config.settings import read_settings
from pipeline.ingest.files import ingest
from pipeline.sample import write_tenant
from views.frame.data import store
from views.frame.look import plain
from views.frame.state import Key

USERS, GROUPS, DAYS, SEED = 50, 6, 14, 7
"As `make run` has them: a tenant that is loaded in some seconds."


def draw_sample_button() -> None:
    """Draws the button that loads the sample tenant; not where real data is collected into the store."""
    if read_settings().tenants is not None:
        st.caption("PROVISIONING_TENANTS is set, so real data is collected into this store.")
    elif st.button("Load the sample", key=Key.INBOX.of("sample"), icon=":material/science:"):
        load_sample()


def load_sample() -> None:
    """Writes the sample's logs and loads them, with its progress; then the page is drawn again."""
    settings = read_settings()
    folder = settings.folder.parent / "sample"
    progress = st.progress(0.0, "Writing the logs")
    try:
        write_tenant(
            folder,
            seed=SEED,
            users=USERS,
            groups=GROUPS,
            days=DAYS,
            move_to=wall_clock(settings),
            progress=lambda share: shown(progress, share, "Writing the logs"),
        )
        ingest(store(), [folder], progress=lambda done, total: shown(progress, done / max(total, 1), "Loading them"))
    except (ProvisioningError, OSError) as error:
        st.error(plain(str(error)), icon=":material/error:")
    else:
        st.rerun()
    finally:
        progress.empty()


def shown(progress: "st.delta_generator.DeltaGenerator", share: float, text: str) -> None:
    """Shows how far it is."""
    progress.progress(min(1.0, share), text)
