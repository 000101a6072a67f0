"""What is known of apps and of how their jobs are set up."""

from collections import defaultdict

from pipeline.config.errors import ProfileError
from pipeline.config.settings import read_settings
from pipeline.knowledge.app_profiles import Profile, profile_of, read_profiles
from views.frame.data import Row, ask, records


def profile_or_none(app: str) -> Profile | None:
    """Returns an app's profile; None too where profiles cannot be read, which Connections shows."""
    try:
        return profile_of(read_profiles(read_settings()), app)
    except ProfileError:
        return None


def mappings_by_job() -> dict[str, list[Row]]:
    """Returns each job's attribute mappings, asked once for all jobs: a tenant may have hundreds."""
    by_job = defaultdict[str, list[Row]](list)
    for row in records(ask("attribute_mappings", job=None)):
        by_job[str(row["job_id"])].append(row)
    return dict(by_job)
