"""The shell program of the sanitizing container, for each database client.

The suffix of a script's name selects how it runs: see ops/snapshots/postgres/compiler.py. Any error fails
the task. After a failed check, only further checks run. The report is written to the log with its number of
lines, so that an incomplete one is recognized.
"""

# `run` executes SQL, in one transaction if the server can; `show` prints the result; `plain` uses no
# transaction. Row-level security would hide rows from treatment and verification: row_security=off makes
# hidden rows an error.
_PSQL = """\
export PGHOST="$DB_HOST" PGPORT="$DB_PORT" PGUSER="$DB_USER" PGPASSWORD="$DB_PASSWORD" PGDATABASE="$DB_NAME"
export PGAPPNAME=slipway PGCONNECT_TIMEOUT=30 PGOPTIONS="-c row_security=off"
enter() { export PGDATABASE="${1:-$DB_NAME}"; }
plain() { psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 --set VERBOSITY=terse -f "$1"; }
show() { psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 --set VERBOSITY=terse -At -f "$1"; }
run() { psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 --set VERBOSITY=terse --single-transaction -f "$1"; }
"""

# TLS if the server offers it, which is the default of the MySQL client. Its errors can quote a value.
_MYSQL = """\
export MYSQL_PWD="$DB_PASSWORD"
client=$(command -v mariadb || command -v mysql)
case $client in *mariadb) tls="--ssl --skip-ssl-verify-server-cert" ;; *) tls= ;; esac
salt=$(printf %s "$SALT" | od -An -v -tx1 | tr -d ' \\n')
feed() { if grep -q @salt "$1"; then echo "SET @salt = X'$salt';"; fi; cat "$1"; }
run() {
  feed "$1" | "$client" --no-defaults $tls --host="$DB_HOST" --port="$DB_PORT" --user="$DB_USER" \\
    --database="$DB_NAME" --connect-timeout=30 --default-character-set=utf8mb4 --batch --raw \\
    --skip-column-names --binary-mode --comments 2> errors || {
    sed -n -E -e "s/(entry|value:) '.*'( for|$)/\\1 (not shown)\\2/" -e '/^ERROR/,$p' errors >&2; return 3; }
}
enter() { :; }
plain() { run "$1"; }
show() { run "$1"; }
"""

_LOOP = """\
for script in *.sql; do
  [ -s "$script" ] || { echo "The script $script is missing or empty." >&2; exit 3; }
  case $script in *.check.sql) ;; *) if failed; then continue; fi ;; esac
  database=$(sed -n '1s/^-- database: //p' "$script")
  enter "$database"
  echo "Running $script${database:+ in $database}"
  case $script in *.gen.*) show "$script" > "$script.generated" ;; esac
  case $script in
    *.gen.check.sql) show "$script.generated" > checks; keep ;;
    *.check.sql) show "$script" > checks; keep ;;
    *.gen.tell.sql) run "$script.generated" > checks; keep ;;
    *.gen.sql) run "$script.generated" ;;
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
