"""Log export: the pipeline's health, coverage of log groups, missing events, and retention costs."""

import streamlit as st

from app.log_export import coverage, deployment, ledger, pipeline, views
from app.shared import address
from app.shared.components import show_error
from app.shared.dialogs import show_dialog
from app.shared.session import workbench
from ops.errors import SlipwayError

bench = workbench()
show_dialog()
st.title("Log export")
st.caption("CloudWatch logs of all accounts in one bucket: pipeline health, coverage, and missing events.")
selected = views.select_export(bench)

names = ["Pipeline", "Coverage", "Ledger", "Failed", "Backfill", "Retention", "Deployment"]
open_tab, container = address.tabs(names)
with container:
    if open_tab == "Pipeline" and selected.export:
        pipeline.show_pipeline(bench, selected.export)
    elif open_tab == "Pipeline":
        pipeline.show_no_pipeline()
    elif open_tab == "Coverage":
        coverage.show_coverage(bench, selected.location)
    elif open_tab == "Deployment":
        deployment.show_deployment(bench)
    elif selected.location is None:
        views.show_no_bucket()
    elif open_tab == "Failed":
        ledger.show_failed(bench, selected.location, selected.stream)
    else:
        try:
            report = ledger.export_report(bench, selected.location)
        except SlipwayError as error:
            show_error(error)
            st.stop()
        if open_tab == "Ledger":
            ledger.show_ledger(report)
        elif open_tab == "Backfill":
            ledger.show_backfill(bench, selected.location, report)
        else:
            ledger.show_retention(bench, report)
