"""The shell program of the sanitizing container, for each database client.

The suffix of a script's name selects how it runs: see ops/snapshots/postgres/compiler.py. Any error fails
the task. After a failed check, only further checks run. The report is written to the log with its number of
lines, so that an incomplete one is recognized.
"""

# `run` executes SQL, in one transaction if the server can; `show` prints the result; `plain` uses no
# transaction. Row-level security would hide rows from treatment and verification: row_security=off makes
# hidden rows an error. The options replace those that production set for the database or the role: timeouts,
# read-only sessions, and formats. Some exist only in later versions, so the server lists the timeouts.
#
# The server sends warnings only, so any output of an error stream is one, in whatever language. Those of the
# connection itself (a collation version that differs) are known before the scripts run.
_PSQL = r"""
export PGHOST="$DB_HOST" PGPORT="$DB_PORT" PGUSER="$DB_USER" PGPASSWORD="$DB_PASSWORD" PGDATABASE="$DB_NAME"
export PGAPPNAME=slipway PGCONNECT_TIMEOUT=30 PGCLIENTENCODING=UTF8
fixed="-c row_security=off
    -c default_transaction_read_only=off -c default_transaction_isolation=read\\ committed"
fixed="$fixed -c client_min_messages=warning -c statement_timeout=0 -c lock_timeout=0 -c bytea_output=hex"
fixed="$fixed -c DateStyle=ISO -c IntervalStyle=postgres -c standard_conforming_strings=on"
timeouts="SELECT string_agg(format('-c %s=0', name), ' ') FROM pg_settings WHERE name IN
  ('transaction_timeout', 'idle_session_timeout', 'idle_in_transaction_session_timeout')"
names="SELECT string_agg(datname, ', ' ORDER BY 1) FROM pg_database WHERE datname NOT IN ('rdsadmin',
    'template0')"
others="SELECT datname FROM pg_database WHERE datallowconn AND datname NOT IN ('rdsadmin', 'template0')"
sql() { psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 --set VERBOSITY=terse -At "$@"; }
enter() {
  export PGDATABASE="${1:-$DB_NAME}" PGOPTIONS="$fixed"
  more=$(sql -c "$timeouts" 2> known) || {
    cat known >&2
    for database in postgres template1; do
      found=$(PGDATABASE=$database sql -c "$names" 2> /dev/null) || continue
      echo "The databases of the server are: $found" >&2; break
    done
    exit 3
  }
  export PGOPTIONS="$fixed $more"
}
watched() {
  "$@" 2> errors || { code=$?; cat errors >&2; return $code; }
  if grep -vxFf known errors >&2; then echo "A warning of the server is unexpected." >&2; return 3; fi
}
plain() { watched sql -f "$1"; }
show() { watched sql -f "$1"; }
run() { watched sql --single-transaction -f "$1"; }
"""

# TLS if the server offers it, which is the default of the MySQL client. Its errors can quote a value.
_MYSQL = r"""
export MYSQL_PWD="$DB_PASSWORD"
client=$(command -v mariadb || command -v mysql)
case $client in *mariadb) tls="--ssl --skip-ssl-verify-server-cert" ;; *) tls= ;; esac
salt=$(printf %s "$SALT" | od -An -v -tx1 | tr -d ' \n')
settings="SET SESSION autocommit = 1, sql_safe_updates = 0, sql_select_limit = DEFAULT
  /*M! , max_statement_time = 0 */; SET SESSION TRANSACTION READ WRITE;"
feed() { if grep -q @salt "$1"; then echo "SET @salt = X'$salt';"; fi; cat "$1"; }
run() {
  feed "$1" | "$client" --no-defaults $tls --host="$DB_HOST" --port="$DB_PORT" --user="$DB_USER" \
    --database="$DB_NAME" --connect-timeout=30 --default-character-set=utf8mb4 --batch --raw \
    --init-command="$settings" --skip-column-names --binary-mode --comments 2> errors || {
    sed -n -E -e "s/(entry|value:) '.*'( for|$)/\1 (not shown)\2/" -e '/^ERROR/,$p' errors >&2; return 3; }
}
enter() { :; }
plain() { run "$1"; }
show() { run "$1"; }
"""

_LOOP = r"""
for script in *.sql; do
  [ -s "$script" ] || { echo "The script $script is missing or empty." >&2; exit 3; }
  case $script in *.check.sql) ;; *) if failed; then continue; fi ;; esac
  database=$(sed -n '1s/^-- database: //p' "$script")
  enter "$database"
  echo "Running $script${database:+ in $database}"
  case $script in *.gen.*) show "$script" > "$script.generated" ;; esac
  case $script in
    *.others.check.sql)
      sql -c "$others" > others
      while IFS= read -r other; do enter "$other"; show "$script" > checks; keep; done < others ;;
    *.gen.check.sql) show "$script.generated" > checks; keep ;;
    *.check.sql) show "$script" > checks; keep ;;
    *.gen.plain.report.sql) plain "$script.generated" > checks; keep ;;
    *.gen.tell.sql) run "$script.generated" > checks; keep ;;
    *.gen.sql) run "$script.generated" ;;
    *.report.sql) run "$script" > checks; keep ;;
    *.save.sql) show "$script" > saved ;;
    *.saved.sql) run saved ;;
    *.plain.sql) plain "$script" ;;
    *) run "$script" ;;
  esac
done
sed 's/^/REPORT /' report
echo "REPORT-END $(wc -l < report)"
if failed; then echo "Verification failed: see the report." >&2; exit 9; fi
echo "Sanitized and verified."
"""


def program(client: str) -> str:
    """Return the program for a database client: psql or mysql."""
    head = {"psql": _PSQL, "mysql": _MYSQL}[client]
    keep = 'keep() { sed "s/^{/{${database:+\\"database\\": \\"$database\\", }/" checks >> report; }\n'
    begin = keep + 'cd "$SCRIPTS"\n: > report\nfailed() { grep -q \'"ok" *: *false\' report; }\n'
    return begin + head + _LOOP
