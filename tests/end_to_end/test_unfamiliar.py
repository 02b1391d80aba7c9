"""Databases without a prepared policy, from the first run to the restored database in QA.

The clinic's is made for the test, of what is rare: see its SQL. Zabbix's is a third party's: the packages
zabbix-server-pgsql and zabbix-server-mysql of Debian bring it, below /usr/share or where ZABBIX_SQL says.
"""

import gzip
import os
import uuid
from dataclasses import replace
from pathlib import Path

import pytest

from ops.aws.cloud import Cloud
from tests.end_to_end.unfamiliar import SERVERS, Server, Unfamiliar, sanitize
from tests.end_to_end.workbench import Workbench

DATA = Path(__file__).parents[1] / "data"
PACKAGES = {"postgres": "zabbix-server-pgsql", "mariadb": "zabbix-server-mysql"}

CLINIC = Unfamiliar(
    adjusted={
        "site.city": "fake city",
        "staff.IBAN": "hash",
        "staff.hired": "shift 20 by id",
        "patient.sex": "constant other",
        "patient.Family Name": "fake last_name",
        "patient.birth_date": "shift 180 by patient_no",
        "patient.select": "hash",
        "patient.weight": "null",
        "patient.note": "fake text",
        "visit.visited": "shift 30 by patient_no",
        "visit.from": "fake ip",
        "visit.complaint": "fake text",
        "Order.total": "hash",
        "session.token": "keep",  # a key of the sampled rows
        "click.session": "keep",
    },
    rows={"audit_log": "truncate", "session": "sample 20"},
    follow=("click",),  # a click goes with its session
    joined="""SELECT COUNT(*) FROM clinic.patient p JOIN {0}.{0} o
        ON o.site_no = p.site_no AND o.patient_no = p.patient_no AND o.{1} = p.email""",
    keys=8,
)
ONLY_THERE = {
    "postgres": {'it\'s a "line" of 100%.who:what': "fake text"},
    "mariadb": {"patient.allergies": "null", 'it\'s a `line` of 100% "é".who:what\\': "fake text"},
}
ZABBIX = Unfamiliar(
    adjusted={
        "users.name": "fake first_name",
        "hosts.host": "fake username",
        "hosts.name": "fake username",
        "hosts.name_upper": "fake username",
        "hosts.description": "fake text",
        "interface.dns": "hash",
        "host_inventory.poc_1_name": "fake name",
        "host_inventory.poc_2_name": "fake name",
        "host_inventory.site_city": "fake city",
        "events.name": "fake text",
        "problem.name": "fake text",
        "alerts.sendto": "fake email",
        "alerts.subject": "fake text",
        "auditlog.resourcename": "fake text",
        "auditlog.details": "constant {}",
        "token.name": "fake text",
        "history_text.value": "fake text",
        "hostmacro.value": "hash",
        "media_type_param.value": "keep",
    },
    rows={"sessions": "truncate", "events": "sample 20"},
    follow=("problem", "acknowledges", "alerts"),
    joined="SELECT COUNT(*) FROM auditlog a JOIN users u ON u.userid = a.userid AND u.username = a.username",
    keys=200,
)


@pytest.mark.parametrize(
    "server", [pytest.param(server, marks=pytest.mark.thorough) for server in SERVERS.values()], ids=SERVERS
)
def test_a_database_with_rare_features_is_sanitized(cloud: Cloud, data: Path, server: type[Server]) -> None:
    workbench, name = Workbench(cloud, data), f"clinic-{uuid.uuid4().hex[:6]}"
    workbench.make_database(name, Engine=server.engine)
    production = server(workbench, workbench.production, name)
    production.load((DATA / f"clinic/{server.engine}.sql").read_text("utf-8"))
    joined = CLINIC.joined.format(production.quoted("Order"), production.quoted("user"))
    clinic = replace(CLINIC, joined=joined, adjusted={**CLINIC.adjusted, **ONLY_THERE[server.engine]})
    assert sanitize(workbench, production, name, clinic) > 10_000


@pytest.mark.thorough
@pytest.mark.parametrize("server", SERVERS.values(), ids=SERVERS)
def test_a_third_party_database_is_sanitized(cloud: Cloud, data: Path, server: type[Server]) -> None:
    package = Path(os.environ.get("ZABBIX_SQL", "/usr/share")) / PACKAGES[server.engine]
    if not package.is_dir():
        pytest.skip(f"{package} is not there: Debian's package of that name brings it")
    workbench, name = Workbench(cloud, data), f"zabbix-{uuid.uuid4().hex[:6]}"
    workbench.make_database(name, Engine=server.engine)
    production = server(workbench, workbench.production, name)
    for part in ("schema", "images", "data"):
        production.load(gzip.decompress((package / f"{part}.sql.gz").read_bytes()).decode())
    production.load((DATA / "zabbix/lived_in.sql").read_text("utf-8"))
    assert sanitize(workbench, production, name, ZABBIX) > 30_000
