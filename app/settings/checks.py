"""The checks of `slipway doctor` on the page Settings."""

import pandas as pd
import streamlit as st

from app.shared import address
from app.shared.components import plain, show_error
from app.shared.session import Workbench
from app.shared.statuses import Badge
from app.shared.tables import show_table
from app.shared.words import count
from ops.doctor import CHECKS, Finding, Result, examine, merged, summary
from ops.errors import SlipwayError

TTL_S = 300
REQUESTED = "checks"  # in the address, so that a reload shows the results again
BADGES = {
    Result.WORKS: Badge("Works", "check_circle", "green"),
    Result.REFUSED: Badge("Refused", "block", "red"),
    Result.WOULD_FAIL: Badge("Would fail", "error", "red"),
    Result.NOT_ASKED: Badge("Not asked", "help", "orange"),
}


@st.cache_data(ttl=TTL_S, show_spinner="Asking AWS in every account and Region…")
def findings(_bench: Workbench) -> list[Finding]:
    return examine(_bench.cloud, _bench.cloud.places)


def show_checks(bench: Workbench) -> None:
    """Show what would work, and what does not with AWS's message and the statement to add."""
    st.caption(
        f"{count(len(CHECKS), 'check')} in every configured account and Region. They only read, and cost "
        "nothing. On the command line: `slipway doctor`."
    )
    if st.button("Run checks", key="settings-run-checks", icon=":material/stethoscope:"):
        findings.clear()
        address.push({REQUESTED: "yes"})
    if REQUESTED not in address.current():
        return
    try:
        found = findings(bench)
    except SlipwayError as error:
        show_error(error)
        return
    _show(found)


def _show(found: list[Finding]) -> None:
    rows = [
        {key.replace("_", " ").capitalize(): value for key, value in row.items()} for row in summary(found)
    ]
    show_table(pd.DataFrame(rows), key="settings-checks")
    problems = [(finding, places) for finding, places in merged(found) if finding.result is not Result.WORKS]
    if not problems:
        st.success("Everything that was checked works.", icon=":material/check_circle:")
    for finding, places in problems:
        badge, subject = BADGES[finding.result].markdown, plain(finding.subject)
        st.markdown(f"{badge} **{subject}** · {finding.check} · {plain(places)}")
        st.markdown(plain(finding.reason))
        if finding.hint:
            st.caption(plain(finding.hint))
        if finding.statement:
            with st.expander("Statement to add"):
                st.code(finding.statement, language="json")
