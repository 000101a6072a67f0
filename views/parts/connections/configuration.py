"""One job's configuration: its mappings held against its app's profile, what its settings mean, and its token."""

from dataclasses import dataclass, field

import pandas as pd
import streamlit as st

from pipeline.knowledge.app_profiles import OBJECTS, Finding, Profile, check, kind_of, normalised_name, profile_of
from views.frame.data import BLANK, Row, ask, records, tile
from views.frame.look import chip_colours, chips, count, labelled, missing, plain, span, when

NOT_TOLD = "not told"
PROFILED = ("said", "required", "filterable", "note")
"Columns that only a profile fills."
STOPPED = {"Paused": "paused", "Disabled": "switched off"}


@dataclass(frozen=True)
class Checked:
    """A job with its app's profile and what that speaks against."""

    job: Row
    profile: Profile | None
    findings: list[Finding] = field(default_factory=list)

    @property
    def word(self) -> str:
        """Gives how it stands, as a word of `_look`."""
        if self.profile is None:
            return "unprofiled"
        if missing(self.job["mappings"]):
            return "unread"
        if any(finding.grave for finding in self.findings):
            return "unfit"
        return "doubtful" if any(finding.kind != "not_provisioned" for finding in self.findings) else "fits"


def checked(job: Row, profiles: list[Profile]) -> Checked:
    """Holds a row of `connections` against the profile of its app."""
    host = told(job["base_host"])
    profile = profile_of(profiles, told(job["app_name"]), told(job["template_id"]), host)
    if profile is None or missing(job["mappings"]):
        return Checked(job, profile)
    return Checked(job, profile, check(profile, records(ask("attribute_mappings", job=job["job_id"])), host))


def told(value: object) -> str | None:
    """Gives a cell's text; None where it holds nothing."""
    return None if missing(value) else str(value)


def draw(seen: Checked) -> None:
    """Draws what is known of one job's configuration."""
    job = seen.job
    with st.container(border=True):
        st.markdown(f"**{plain(str(job['app_name']))}** {labelled(seen.word)}")
        for line in remarks(job):
            st.markdown(line)
        for finding in seen.findings:
            icon = ":red[:material/error:]" if finding.grave else ":gray[:material/info:]"
            st.markdown(f"{icon} {plain(finding.text)} {plain(finding.remedy)}")
        if seen.profile is None:
            st.markdown(
                "Nothing is known of this app as a target. A file in `profiles/` changes that: which attributes it "
                "requires and can search by, and how long a new token takes; `profiles/README.md` says how."
            )
        if seen.word == "fits":
            st.markdown(f"Nothing in {plain(str(seen.profile and seen.profile.name))}'s profile speaks against it.")
    why = "Its mappings were never read: they come with job status, from a tenant that PROVISIONING_TENANTS names."
    tile("attribute_mappings", lambda rows: mappings(rows, seen.profile), empty=why, job=job["job_id"])
    if seen.profile is not None:
        about(seen.profile)


def remarks(job: Row) -> list[str]:
    """Says what a job's settings mean, where that is worth a sentence."""
    if missing(job["heard_at"]):
        return ["Only its events are known: no document of the job was read, so its settings are not told."]
    said = []
    if stopped := STOPPED.get(str(job["schedule_state"])):
        said.append(f":red[:material/stop_circle:] Its schedule is {stopped}, so nobody is provisioned there.")
    if job["notification"] is False:
        said.append(
            ":orange[:material/notifications_off:] Entra mails nobody when it goes into quarantine. "
            "In Entra: Provisioning, Settings, Notification Email."
        )
    if missing(job["deletion_threshold"]):
        said.append(
            ":orange[:material/delete_sweep:] There is no limit on deletions: one mistake in its scope may remove "
            "everybody. In Entra: Provisioning, Settings, Prevent accidental deletion."
        )
    if job["skip_deletions"] is True:
        said.append(":gray[:material/info:] Who falls out of scope keeps the account (SkipOutOfScopeDeletions is on).")
    if not missing(job["versions"]) and int(job["versions"]) > 1:
        said.append(
            f":gray[:material/history:] {count(int(job['versions']), 'configuration')} were seen so far; "
            f"the present one since {when(job['changed_at'])}."
        )
    return said


def mappings(rows: pd.DataFrame, profile: Profile | None) -> None:
    """Draws the mappings, and what the profile requires beside them."""
    shown = beside(rows, profile)
    labels, colours = chip_colours()
    columns = {
        "object": st.column_config.TextColumn("Object", pinned=True, help="Both names, where the app's differs"),
        "target_attribute": st.column_config.TextColumn("App's attribute", pinned=True),
        "source_expression": st.column_config.TextColumn("What flows into it", width="large"),
        "matching_priority": st.column_config.NumberColumn(
            "Matches", help="Objects are matched by it; 1 is tried first"
        ),
        "said": st.column_config.MultiselectColumn("Against the profile", options=labels, color=colours),
        "required": st.column_config.CheckboxColumn("Required", help="The app refuses an object without it"),
        "filterable": st.column_config.CheckboxColumn("Searchable", help="The app can search by it, so it may match"),
        "flow": st.column_config.TextColumn("When"),
        "default": st.column_config.TextColumn("Default"),
        "note": st.column_config.TextColumn("Note", width="large"),
    }
    shown["said"] = chips(shown["word"])
    order = [name for name in columns if profile is not None or name not in PROFILED]
    st.dataframe(shown, column_config=columns, column_order=order, hide_index=True, placeholder=BLANK)


def beside(rows: pd.DataFrame, profile: Profile | None) -> pd.DataFrame:
    """Gives each mapping with what the profile says of its attribute, and what it requires and has no mapping."""
    shown = []
    had: set[tuple[str | None, str]] = set()
    for row in records(rows):
        kind, name = kind_of(told(row["target_object"])), str(row["target_attribute"])
        had.add((kind, normalised_name(name)))
        known = None if profile is None or kind is None else profile.attributes.get(kind, {})
        spelled = normalised_name(name)
        attribute = next((each for other, each in (known or {}).items() if normalised_name(other) == spelled), None)
        matches = not missing(row["matching_priority"])
        word = "unprofiled" if attribute is None else "unfit" if matches and not attribute.filterable else "fits"
        shown.append(
            row
            | {"object": objects(row), "word": word, "note": (attribute.note if attribute else "") or None}
            | {key: getattr(attribute, key, None) for key in ("required", "filterable")}
        )
    kinds = {kind for kind, _ in had}
    for kind, attributes in (profile.attributes if profile else {}).items():
        for name, attribute in attributes.items():
            if kind in kinds and attribute.required and (kind, normalised_name(name)) not in had:
                lost = {
                    "object": kind.capitalize(),
                    "target_attribute": name,
                    "word": "missing",
                    "note": attribute.note,
                }
                shown.append(lost | {"required": True, "filterable": attribute.filterable})
    return pd.DataFrame(shown).sort_values("word", key=lambda words: words != "missing", kind="stable")


def objects(row: Row) -> str:
    """Names a mapping's object, and the app's word for it where that is another.

    >>> objects({"source_object": "User", "target_object": "urn:ietf:params:scim:schemas:core:2.0:User"})
    'User'
    """
    source, target = str(row["source_object"]), str(row["target_object"]).rpartition(":")[2]
    return source if source.casefold() == target.casefold() else f"{source} → {target}"


def about(profile: Profile) -> None:
    """Draws what is known of the app: how long a new token takes, and what its attributes are."""
    token = profile.token
    if token is not None:
        assumed = " (our figure: none is published)" if token.lead_is_assumed else ""
        st.markdown(
            f":material/key: **A new token takes about {count(token.lead_days, 'day')}{assumed}.** "
            f"{'An administrator of the app makes it' if token.self_service else 'It is not self-service'}: "
            f"{plain(token.who)}. When the present one ends is told by nobody; the calendar below keeps what you say."
        )
    with st.expander(f"What is known of {plain(profile.name)}", icon=":material/menu_book:"):
        if token is not None and token.how:
            st.markdown("\n".join(f"{place}. {plain(step)}" for place, step in enumerate(token.how, 1)))
        if profile.target.cycle_minutes:
            published = f"a cycle about every {span(profile.target.cycle_minutes * 60)}"
            st.markdown(f"Published: {published}, at `{profile.target.base_url}`. A job's own schedule wins.")
        st.dataframe(attribute_table(profile), hide_index=True, placeholder=BLANK)
        st.caption(f"Source: {plain(profile.source)}")


def attribute_table(profile: Profile) -> pd.DataFrame:
    """Gives the profile's attributes as a table."""
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
