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
  case $2 in
    new) export PGHOST="${NEW_HOST:?The pipeline has no new server.}" PGPORT="$NEW_PORT" ;;
    *) export PGHOST="$DB_HOST" PGPORT="$DB_PORT" ;;
  esac
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

# A rebuild: the schema, then the rows of several tables in parallel, then the rest of the schema. The end of
# a pipe's input looks like the end of the rows, so a table whose sender failed has the file `failed`. The
# clients know a setting that servers before version 17 do not.
_PSQL_REBUILD = r"""
dump() {
  watched pg_dump --schema-only --no-owner --no-tablespaces --no-subscriptions --section="$@" > dumped
  sed '/^SET transaction_timeout = 0;$/d' dumped
}
schema() {
  dump post-data > indexes
  found="SELECT count(*) FROM pg_database WHERE datname = :'name';"
  enter postgres new
  found=$(echo "$found" | sql -v name="${1:-$DB_NAME}" -f -)
  enter "$1"
  if [ "$found" = 0 ]; then dump pre-data --create > tables; enter postgres new
  else dump pre-data > tables; enter "$1" new; fi
  plain tables > /dev/null
}
indexes() {
  enter "$1" new
  plain indexes > /dev/null
  : > "built.$PGDATABASE"
}
collect() {
  enter "$1" new
  : > checks
  for folder in work/*.taken; do
    [ -d "$folder" ] || continue
    cat "$folder/numbers" "$folder/compared" > "$folder/check"
    show "$folder/check" >> checks
  done
}
send_one() {
  : > "$2/numbers"
  cut -d ' ' -f 1 "$1" | base64 -d > "$2/sent"
  cut -d ' ' -f 2 "$1" | base64 -d > "$2/received"
  cut -d ' ' -f 3 "$1" | base64 -d > "$2/compared"
  { (cd "$2" && sql -f sent 2> sender) || : > "$2/failed"; } |
    PGHOST="$NEW_HOST" PGPORT="$NEW_PORT" sql -c "$(cat "$2/received")" > /dev/null 2> "$2/receiver" ||
    : > "$2/failed"
  cat "$2/sender" "$2/receiver" | grep -vxFf known > "$2/errors" || true
  [ ! -e "$2/failed" ] && [ ! -s "$2/errors" ]
}
"""

# Sends the rows of several tables in parallel. A worker takes the next table that no other has taken.
_WORKERS = r"""
workers="1 2 3 4"
stream() {
  show "$1" > lines
  rm -rf work
  mkdir work
  split -l 1 -a 6 lines work/table.
  started=
  for worker in $workers; do send & started="$started $!"; done
  incomplete=
  for worker in $started; do wait "$worker" || incomplete=1; done
  if [ -n "$incomplete" ]; then cat work/*/errors >&2; echo "A table was not sent." >&2; exit 3; fi
  collect "$2"
}
send() {
  for line in work/table.??????; do
    [ -f "$line" ] && mkdir "$line.taken" 2> /dev/null || continue
    send_one "$line" "$line.taken" || return 3
  done
}
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
sql() {
  "$client" --no-defaults $tls --host="$host" --port="$port" --user="$DB_USER" --connect-timeout=30 \
    --default-character-set=utf8mb4 --batch --raw --init-command="$settings" --skip-column-names \
    --binary-mode --comments "$@"
}
hidden() { sed -n -E -e "s/(entry|value:) '.*'( for|$)/\1 (not shown)\2/" -e '/^ERROR/,$p' "$@" >&2; }
run() { feed "$1" | sql --database="$DB_NAME" 2> errors || { hidden errors; return 3; }; }
enter() {
  case $2 in
    new) host="${NEW_HOST:?The pipeline has no new server.}" port="$NEW_PORT" ;;
    *) host="$DB_HOST" port="$DB_PORT" ;;
  esac
}
plain() { run "$1"; }
show() { run "$1"; }
"""

# A rebuild. The master user cannot set definers, which are in comments for some versions.
_MYSQL_REBUILD = r"""
dumper=$(command -v mariadb-dump || command -v mysqldump)
case $dumper in *mysqldump) more="--set-gtid-purged=OFF --column-statistics=0" ;; *) more= ;; esac
schemas="SELECT SCHEMA_NAME FROM information_schema.SCHEMATA
  WHERE SCHEMA_NAME NOT IN ('information_schema', 'mysql', 'performance_schema', 'sys');"
dump() {
  echo "$schemas" | sql > schemas
  set -- "$@" --databases
  while IFS= read -r schema; do set -- "$@" "$schema"; done < schemas
  "$dumper" --no-defaults $tls --host="$host" --port="$port" --user="$DB_USER" --no-data \
    --default-character-set=utf8mb4 --single-transaction --skip-lock-tables --no-tablespaces $more \
    "$@" > dumped
  sed -E '/^(CREATE|\/\*!50[0-9]{3} (CREATE|DEFINER))/s/DEFINER ?= ?`[^`]*`@`[^`]*`/DEFINER=CURRENT_USER/' \
    dumped
}
schema() {
  dump --routines --skip-triggers > tables
  dump --no-create-info --no-create-db --triggers --events > later
  enter "" new
  sql < tables 2> errors || { hidden errors; exit 3; }
}
indexes() {
  enter "" new
  sql < later 2> errors || { hidden errors; exit 3; }
  : > "built.$DB_NAME"
}
collect() { cat work/*.taken/received > checks; }
send_one() {
  base64 -d "$1" > "$2/sent"
  { host="$DB_HOST" port="$DB_PORT"
    feed "$2/sent" | sql --quick --database="$DB_NAME" 2> "$2/sender" || : > "$2/failed"; } |
    { host="$NEW_HOST" port="$NEW_PORT"
    sql --database="$DB_NAME" > "$2/received" 2> "$2/receiver" || : > "$2/failed"; }
  hidden "$2/sender" "$2/receiver" 2> "$2/errors"
  [ ! -e "$2/failed" ]
}
"""

# Without a kept secret, each run has one of its own, which nobody can read afterward. A short one could be
# guessed from its fakes.
_SECRET = r"""
: "${SALT:=$(od -An -v -N32 -tx1 /dev/urandom | tr -d ' \n')}"
export SALT
[ ${#SALT} -ge 16 ] || { echo "The fake secret has fewer than 16 characters." >&2; exit 3; }
"""

_LOOP = r"""
for script in *.sql; do
  [ -s "$script" ] || { echo "The script $script is missing or empty." >&2; exit 3; }
  case $script in *.check.sql) ;; *) if failed; then continue; fi ;; esac
  database=$(sed -n '1s/^-- database: //p' "$script")
  server=$(sed -n '1,2s/^-- server: //p' "$script")
  if failed && [ "$server" = new ] && [ ! -e "built.${database:-$DB_NAME}" ]; then continue; fi
  enter "$database" "$server"
  echo "Running $script${database:+ in $database}"
  case $script in *.gen.*) show "$script" > "$script.generated" ;; esac
  case $script in
    *.others.check.sql)
      sql -c "$others" > others
      while IFS= read -r other; do enter "$other" "$server"; show "$script" > checks; keep; done < others ;;
    *.gen.check.sql) show "$script.generated" > checks; keep ;;
    *.check.sql) show "$script" > checks; keep ;;
    *.gen.plain.report.sql) plain "$script.generated" > checks; keep ;;
    *.gen.tell.sql) run "$script.generated" > checks; keep ;;
    *.gen.sql) run "$script.generated" ;;
    *.report.sql) run "$script" > checks; keep ;;
    *.save.sql) show "$script" > saved ;;
    *.saved.sql) run saved ;;
    *.schema.sql) schema "$database" ;;
    *.gen.carry.sql) show "$script.generated" > carried; enter "$database" new; plain carried ;;
    *.carry.sql) show "$script" > carried; enter "$database" new; plain carried ;;
    *.stream.sql) stream "$script" "$database"; keep ;;
    *.indexes.sql) indexes "$database" ;;
    *.plain.sql) plain "$script" ;;
    *) run "$script" ;;
  esac
done
sed 's/^/REPORT /' report
echo "REPORT-END $(wc -l < report)"
if [ -n "$NEW_HOST" ] && [ ! -e "built.$DB_NAME" ] && ! failed; then
  echo "The scripts are not those of a rebuild." >&2; exit 3
fi
if failed; then echo "Verification failed: see the report." >&2; exit 9; fi
echo "Sanitized and verified."
"""


def program(client: str) -> str:
    """Return the program for a database client: psql or mysql."""
    head = {"psql": _PSQL + _PSQL_REBUILD, "mysql": _MYSQL + _MYSQL_REBUILD}[client] + _WORKERS
    keep = 'keep() { sed "s/^{/{${database:+\\"database\\": \\"$database\\", }/" checks >> report; }\n'
    begin = keep + _SECRET + 'cd "$SCRIPTS"\n: > report\nfailed() { grep -q \'"ok" *: *false\' report; }\n'
    return begin + head + _LOOP
