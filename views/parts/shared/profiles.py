"""What is known of an app, for pages that do without it."""

from pipeline.config.errors import ProfileError
from pipeline.config.settings import read_settings
from pipeline.knowledge.app_profiles import Profile, profile_of, read_profiles


def profile_or_none(app: str) -> Profile | None:
    """Returns an app's profile; None too where profiles cannot be read, which Connections shows."""
    try:
        return profile_of(read_profiles(read_settings()), app)
    except ProfileError:
        return None
