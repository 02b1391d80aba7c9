"""What the sanitizing container runs: a shell program an engine, which differ in how a script is handed over.

Each script runs as the end of its name says: see ops/snapshots/postgres/compiler.py. Any error fails the
task. After a check that failed nothing is run but further checks. The report goes to the log, with its
length, so that a reader knows that it is whole.
"""

# `run` runs SQL, all of it or none where the server can; `show` prints what it gives, `plain` takes no care.
# Rows that row security hides would be neither treated nor proven: with it off they are an error.
_PSQL = """\
export PGHOST="$DB_HOST" PGPORT="$DB_PORT" PGUSER="$DB_USER" PGPASSWORD="$DB_PASSWORD" PGDATABASE="$DB_NAME"
export PGAPPNAME=slipway PGCONNECT_TIMEOUT=30 PGOPTIONS="-c row_security=off"
enter() { export PGDATABASE="${1:-$DB_NAME}"; }
plain() { psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 --set VERBOSITY=terse -f "$1"; }
show() { psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 --set VERBOSITY=terse -At -f "$1"; }
run() { psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 --set VERBOSITY=terse --single-transaction -f "$1"; }
"""

# TLS where the server offers it: MySQL's client asks for it by itself. Its errors may quote a value.
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
  [ -s "$script" ] || { echo "There is no SQL to run." >&2; exit 3; }
  case $script in *.check.sql) ;; *) if failed; then continue; fi ;; esac
  database=$(sed -n '1s/^-- database: //p' "$script")
  enter "$database"
  echo "Running $script${database:+ in $database}"
  case $script in *.gen.*) show "$script" > "$script.made" ;; esac
  case $script in
    *.gen.check.sql) show "$script.made" > told; keep ;;
    *.check.sql) show "$script" > told; keep ;;
    *.gen.tell.sql) run "$script.made" > told; keep ;;
    *.gen.sql) run "$script.made" ;;
    *.save.sql) show "$script" > saved ;;
    *.saved.sql) run saved ;;
    *.plain.sql) plain "$script" ;;
    *) run "$script" ;;
  esac
done
sed 's/^/REPORT /' report
echo "REPORT-END $(wc -l < report)"
if failed; then echo "The proof failed: see the report." >&2; exit 9; fi
echo "Sanitized and proven."
"""


def program(client: str) -> str:
    """The program for the container of an engine's client: psql or mysql."""
    head = {"psql": _PSQL, "mysql": _MYSQL}[client]
    keep = 'keep() { sed "s/^{/{${database:+\\"database\\": \\"$database\\", }/" told >> report; }\n'
    begin = keep + 'cd "$SCRIPTS"\n: > report\nfailed() { grep -q \'"ok" *: *false\' report; }\n'
    return begin + head + _LOOP
