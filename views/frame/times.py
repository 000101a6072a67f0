"""In which zone a viewer reads instants: UTC, as logs have them, or the browser's own; one switch for every page."""

from datetime import UTC, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from pipeline.config import wording
from views.frame.state import ZONE

UTC_ZONE, LOCAL_ZONE = "utc", "local"
ZONES = {UTC_ZONE: "UTC", LOCAL_ZONE: "Local time"}


def use_zone_of_viewer() -> None:
    """Has every instant on a page written in its viewer's zone; elsewhere in the process they stay in UTC."""
    wording.use_zone(zone_of_viewer)


def zone_of_viewer() -> tzinfo | None:
    """Returns the zone of whoever looks at the page that this thread draws; None where it draws none."""
    if get_script_run_ctx(suppress_warning=True) is None:
        return None
    return local_zone() if ZONE.get() == LOCAL_ZONE else UTC


def local_zone() -> tzinfo:
    """Returns the browser's zone; UTC where it names none that is known."""
    try:
        return ZoneInfo(st.context.timezone or "UTC")
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return UTC


def zone_name() -> str:
    """Returns the name of the viewer's zone, as it stands beside the time range."""
    return str(local_zone()) if ZONE.get() == LOCAL_ZONE else "UTC"
