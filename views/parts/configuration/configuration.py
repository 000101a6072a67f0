"""One job's configuration: its mappings compared with its app's profile, what its settings mean, and its token."""

from dataclasses import dataclass, field

import pandas as pd
import streamlit as st

from pipeline.config.wording import count, instant, is_missing, span
from pipeline.knowledge.app_profiles import OBJECTS, Finding, Profile, check, kind_of, normalised_name, profile_of
from views.frame.data import Row, records
from views.frame.look import chips, labelled, plain, plain_name
from views.frame.panel import panel
from views.frame.table import check_column, chips_column, code_column, table, text_column

NOT_TOLD = "Unknown"
PROFILED = ("fit", "required", "filterable", "note")
"Columns that only a profile fills."
STOPPED = {"Paused": "paused", "Disabled": "disabled"}


@dataclass(frozen=True)
class Checked:
    """A job with its app's profile and what is wrong by that."""

    job: Row
    profile: Profile | None
    findings: list[Finding] = field(default_factory=list)

    @property
    def word(self) -> str:
        """Returns its state, as a word of `look`."""
        if self.profile is None:
            return "unprofiled"
        if is_missing(self.job["mappings"]):
            return "unread"
        if any(finding.grave for finding in self.findings):
            return "unfit"
        return "doubtful" if any(finding.kind != "not_provisioned" for finding in self.findings) else "fits"


def checked(job: Row, profiles: list[Profile], mappings: list[Row]) -> Checked:
    """Compares a row of `connections`, and the job's attribute mappings, with the profile of its app."""
    host = cell_text(job["base_host"])
    profile = profile_of(profiles, cell_text(job["app_name"]), cell_text(job["template_id"]), host)
    if profile is None or is_missing(job["mappings"]):
        return Checked(job, profile)
    return Checked(job, profile, check(profile, mappings, host))


def cell_text(value: object) -> str | None:
    """Returns a cell's text; None where it holds nothing."""
    return None if is_missing(value) else str(value)


def draw_configuration(checked_job: Checked) -> None:
    """Draws one job's configuration."""
    job = checked_job.job
    with st.container(border=True):
        st.markdown(f"**{plain_name(job['app_name'])}** {labelled(checked_job.word)}")
        for line in remarks(job):
            st.markdown(line)
        for finding in checked_job.findings:
            icon = ":red[:material/error:]" if finding.grave else ":gray[:material/info:]"
            st.markdown(f"{icon} {plain(finding.text)} {plain(finding.remedy)}")
        if checked_job.profile is None:
            st.markdown(
                "No profile of this app. A file in the folder profiles adds one: which attributes it requires and can "
                "search by, and how long a new token takes. See profiles/README.md."
            )
        if checked_job.word == "fits":
            name = plain(str(checked_job.profile and checked_job.profile.name))
            st.markdown(f"No conflict with the profile of {name}.")
    why = "Attribute mappings have not been read. They come with job status, once the tenant is connected."
    panel("attribute_mappings", lambda rows: mappings_table(rows, checked_job.profile), empty=why, job=job["job_id"])
    if checked_job.profile is not None:
        draw_profile(checked_job.profile)


def remarks(job: Row) -> list[str]:
    """Writes what a job's settings mean, where that is worth a sentence."""
    if is_missing(job["heard_at"]):
        return ["No job status was read, so the settings are unknown."]
    lines = []
    if stopped := STOPPED.get(str(job["schedule_state"])):
        lines.append(f":red[:material/stop_circle:] The job is {stopped}, so no users are provisioned.")
    if job["notification"] is False:
        lines.append(
            ":orange[:material/notifications_off:] Entra sends no e-mail when the job goes into quarantine. Turn it on "
            "in Entra: Provisioning, Settings, Notification Email."
        )
    if is_missing(job["deletion_threshold"]):
        lines.append(
            ":orange[:material/delete_sweep:] No deletion limit: one mistake in the scope can remove all users. Set it "
            "in Entra: Provisioning, Settings, Prevent accidental deletion."
        )
    if job["skip_deletions"] is True:
        lines.append(
            ":gray[:material/info:] Users who leave the scope keep their account (SkipOutOfScopeDeletions is on)."
        )
    if not is_missing(job["versions"]) and int(job["versions"]) > 1:
        lines.append(
            f":gray[:material/history:] {count(int(job['versions']), 'configuration')} seen; "
            f"the current one since {instant(job['changed_at'])}."
        )
    return lines


def mappings_table(rows: pd.DataFrame, profile: Profile | None) -> None:
    """Draws the mappings, and what the profile requires and has no mapping."""
    shown = with_profile(rows, profile)
    columns = {
        "object": text_column("Object", help="Both names, where the app uses another"),
        "target_attribute": text_column("App attribute"),
        "source_expression": text_column("Source", width="large"),
        "matching_priority": code_column("Matching", help="Users or groups are matched by it; 1 is tried first"),
        "fit": chips_column("Profile check"),
        "required": check_column("Required", help="The app rejects a user or group without it"),
        "filterable": check_column("Searchable", help="The app can search by it, so it may match"),
        "flow": text_column("Applied"),
        "default": text_column("Default"),
        "note": text_column("Note", width="large"),
    }
    if shown["default"].isna().all() if "default" in shown else True:
        del columns["default"]
    order = [name for name in columns if profile is not None or name not in PROFILED]
    table(shown.assign(fit=chips(shown["word"])), columns, order=order, at_most=420)


def with_profile(rows: pd.DataFrame, profile: Profile | None) -> pd.DataFrame:
    """Returns each mapping with what the profile says of its attribute, and what it requires and has no mapping."""
    shown = []
    mapped: set[tuple[str | None, str]] = set()
    for row in records(rows):
        kind, name = kind_of(cell_text(row["target_object"])), str(row["target_attribute"])
        mapped.add((kind, normalised_name(name)))
        own = {} if profile is None or kind is None else profile.attributes.get(kind, {})
        spelled = normalised_name(name)
        attribute = next((each for other, each in own.items() if normalised_name(other) == spelled), None)
        matches = not is_missing(row["matching_priority"])
        word = "unprofiled" if attribute is None else "unfit" if matches and not attribute.filterable else "fits"
        shown.append(
            row
            | {"object": objects(row), "word": word, "note": (attribute.note if attribute else "") or None}
            | {key: getattr(attribute, key, None) for key in ("required", "filterable")}
        )
    kinds = {kind for kind, _ in mapped}
    for kind, attributes in (profile.attributes if profile else {}).items():
        for name, attribute in attributes.items():
            if kind in kinds and attribute.required and (kind, normalised_name(name)) not in mapped:
                unmapped = {
                    "object": kind.capitalize(),
                    "target_attribute": name,
                    "word": "missing",
                    "note": attribute.note,
                }
                shown.append(unmapped | {"required": True, "filterable": attribute.filterable})
    return pd.DataFrame(shown).sort_values("word", key=lambda words: words != "missing", kind="stable")


def objects(row: Row) -> str:
    """Names a mapping's object, and the app's word for it where that is another.

    >>> objects({"source_object": "User", "target_object": "urn:ietf:params:scim:schemas:core:2.0:User"})
    'User'
    """
    source, target = str(row["source_object"]), str(row["target_object"]).rpartition(":")[2]
    return source if source.casefold() == target.casefold() else f"{source} → {target}"


def draw_profile(profile: Profile) -> None:
    """Draws an app's profile: how a new token is had, and what its attributes are."""
    token = profile.token
    with st.expander(f"Profile of {plain(profile.name)}"):
        if token is not None and token.how:
            st.markdown("\n".join(f"{place}. {plain(step)}" for place, step in enumerate(token.how, 1)))
        if profile.target.cycle_minutes:
            published = f"a cycle about every {span(profile.target.cycle_minutes * 60)}"
            st.markdown(
                f"Published: {published}, at `{profile.target.base_url}`. The job's own schedule takes precedence."
            )
        table(attribute_rows(profile))
        st.caption(f"Source: {plain(profile.source)}")


def attribute_rows(profile: Profile) -> pd.DataFrame:
    """Returns the profile's attributes as a table."""
    return pd.DataFrame(
        [
            {
                "Object": OBJECTS[kind].capitalize(),
                "Attribute": name,
                "Type": attribute.type,
                "Required": attribute.required,
                "Searchable": attribute.filterable,
                "Note": attribute.note or None,
            }
            for kind, attributes in profile.attributes.items()
            for name, attribute in attributes.items()
        ]
    )
