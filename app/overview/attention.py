"""What needs attention in all jobs, the most urgent first."""

import re

import streamlit as st

from app.shared import navigation
from app.shared.components import plain
from app.shared.words import count
from ops.status.attention import Job, Note, Urgency

SHOWN = 5
_NAME = re.compile(r"[\w.:/ -]+")  # what AWS permits in names; anything else is not put into an address
PAGES = {
    Job.SNAPSHOTS: navigation.snapshots,
    Job.ROLLOUTS: navigation.rollouts,
    Job.LOG_EXPORT: navigation.log_export,
    Job.SUPPORT_STACKS: navigation.support_stacks,
}
ICONS = {
    Urgency.FAILURE: ":red[:material/error:]",
    Urgency.WAITING: ":orange[:material/pause_circle:]",
    Urgency.UNREAD: ":gray[:material/visibility_off:]",
    Urgency.COST: ":orange[:material/savings:]",
}


def show_attention(notes: list[Note], *, complete: bool) -> None:
    """Show the notes with a link to the page of each; with none, that nothing needs attention.

    If not everything was read, nothing may be claimed about the rest.
    """
    if not notes:
        if complete:
            st.success("Nothing needs attention.", icon=":material/check_circle:")
        else:
            st.info("Nothing needs attention in what was read so far.", icon=":material/hourglass_top:")
        return
    st.markdown(f"#### Needs attention ({len(notes)})")
    with st.container(border=True, gap="small"):
        for number, note in enumerate(notes[:SHOWN]):
            _show(note, number)
        if rest := notes[SHOWN:]:
            with st.expander(f"{count(len(rest), 'more')}".replace("mores", "more")):
                for number, note in enumerate(rest, SHOWN):
                    _show(note, number)


def _show(note: Note, number: int) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key=f"note-{number}"):
        with st.container(gap=None):
            st.markdown(f"{ICONS[note.urgency]} {plain(note.text)}")
            st.caption(plain(note.action))
        if note.job:
            st.page_link(
                PAGES[note.job](),
                label=note.job.value,
                icon=":material/arrow_forward:",
                icon_position="right",
                query_params={key: value for key, value in note.link.items() if _NAME.fullmatch(value)},
            )
