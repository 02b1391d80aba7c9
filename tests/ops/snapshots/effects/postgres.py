"""Constructions of PostgreSQL with planted values: what people have, and where a value can stay."""

from tests.ops.snapshots.effects.constructions import TOKEN, Construction

PEOPLE = f"""
    CREATE TABLE people (id int PRIMARY KEY, mail text);
    INSERT INTO people SELECT n, '{TOKEN}' || n || '@mail.test' FROM generate_series(1, 40) n;"""
PEOPLE_POLICY = '[tables.people]\nid = "keep"\nmail = "fake email"\n'
MADE_BY_ROLE = f"""
    CREATE ROLE crm LOGIN PASSWORD 'of-production';
    GRANT crm TO CURRENT_USER;
    CREATE SCHEMA crm AUTHORIZATION crm;
    SET ROLE crm;
    CREATE TABLE crm.leads (id bigint PRIMARY KEY, mail text, who text);
    CREATE TABLE crm.calls (id bigint PRIMARY KEY, lead bigint REFERENCES crm.leads, note text);
    CREATE FUNCTION crm.touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
    CREATE TRIGGER touch BEFORE UPDATE ON crm.leads FOR EACH ROW EXECUTE FUNCTION crm.touch();
    INSERT INTO crm.leads SELECT n, '{TOKEN}' || n % 9 || '@mail.test', '{TOKEN} ' || n % 9
        FROM generate_series(1, 900) n;
    INSERT INTO crm.calls SELECT n, n, '{TOKEN}' || n || '@mail.test' FROM generate_series(1, 90) n;
    ANALYZE crm.leads;
    RESET ROLE;
    REVOKE crm FROM CURRENT_USER;"""
LEADS_POLICY = """
    [tables."crm.leads"]
    id = "keep"
    mail = "fake email"
    who = "fake name"
    [tables."crm.calls"]
    id = "keep"
    lead = "keep"
    note = "fake text"
    """
LOG = f"""
    CREATE TABLE log (id bigserial PRIMARY KEY, who text NOT NULL {{check}}, town text, mark uuid NOT NULL);
    INSERT INTO log (who, town, mark) SELECT '{TOKEN}' || n % 5, '{TOKEN} town' || n % 5, gen_random_uuid()
        FROM generate_series(1, 3000) n;
    CREATE STATISTICS of_log (mcv) ON who, town FROM log;
    CREATE INDEX upper_log ON log ((upper(who)));
    ANALYZE log;"""
LOG_POLICY = PEOPLE_POLICY + '[tables.log]\n"*" = "truncate"\n'
KEYS = f"""
    CREATE TABLE accounts (mail text PRIMARY KEY, plan text);
    CREATE TABLE seats (id int PRIMARY KEY, mail text REFERENCES accounts (mail) ON UPDATE {{action}});
    INSERT INTO accounts SELECT '{TOKEN}' || n || '@mail.test', 'free' FROM generate_series(1, 60) n;
    INSERT INTO seats SELECT n, '{TOKEN}' || n || '@mail.test' FROM generate_series(1, 60) n;"""
ACCOUNTS = '[tables.accounts]\nmail = "fake email"\nplan = "keep"\n'
SEATS = '[tables.seats]\nid = "keep"\nmail = "fake email"\n'

TYPES = f"""
    CREATE DOMAIN note AS jsonb;
    CREATE TYPE person AS (called text, mail text);
    CREATE TYPE household AS (head person, street text);
    CREATE TYPE word_range AS RANGE (subtype = text);
    CREATE TABLE kinds (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, note note, homes household[],
        raw bytea, mobile bigint, card numeric(19), ids bigint[], words tsvector, spot point, net cidr,
        span word_range, plain text, made date DEFAULT now());
    INSERT INTO kinds (note, homes, raw, mobile, card, ids, words, spot, net, span, plain) SELECT
        jsonb_build_object('mail', '{TOKEN}' || n || '@mail.test'),
        ARRAY[row(row('{TOKEN}', '{TOKEN}' || n || '@mail.test')::person, 'x')::household],
        convert_to('{TOKEN}' || n || '@mail.test', 'UTF8'), 436601234567 + n, 4539578763621486,
        ARRAY[436607654321 + n], to_tsvector('simple', '{TOKEN} lives here'), point(n, n), '81.2.69.0/24',
        word_range('{TOKEN}' || n || '@mail.test', NULL), 'nothing' FROM generate_series(1, 30) n;
    ANALYZE kinds;"""

CONSTRUCTIONS = (
    Construction("owned by a role", MADE_BY_ROLE, LEADS_POLICY, server="ALTER DATABASE shop OWNER TO crm"),
    Construction(
        "owned by a role of a superuser", PEOPLE, PEOPLE_POLICY + '[tables.theirs]\nmail = "fake email"\n',
        server=f"""CREATE ROLE stranger;
            \\connect shop
            CREATE TABLE theirs AS SELECT '{TOKEN}@mail.test' AS mail;
            ALTER TABLE theirs OWNER TO stranger""",
        refused="the role stranger", before=16,
    ),
    Construction("types", TYPES, quick=True),
    Construction(
        "enum labels", PEOPLE + f"CREATE TYPE owner AS ENUM ('{TOKEN}@mail.test', 'nobody')", PEOPLE_POLICY,
        refused="type public.owner",
    ),
    Construction(
        "search column of a trigger",
        f"""CREATE TABLE pages (id int PRIMARY KEY, author text, words tsvector);
            CREATE FUNCTION words() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                NEW.words := to_tsvector('simple', NEW.author); RETURN NEW; END $$;
            CREATE TRIGGER words BEFORE INSERT OR UPDATE ON pages FOR EACH ROW EXECUTE FUNCTION words();
            INSERT INTO pages SELECT n, '{TOKEN}' || n FROM generate_series(1, 9) n;""",
        '[tables.pages]\nid = "keep"\nauthor = "fake name"\nwords = "keep"\n', refused="words",
    ),
    Construction(
        "comments", PEOPLE + f"""
            COMMENT ON TABLE people IS '{TOKEN}'; COMMENT ON COLUMN people.mail IS '{TOKEN}';
            COMMENT ON SCHEMA public IS '{TOKEN}'; COMMENT ON DATABASE shop IS '{TOKEN}';
            CREATE DOMAIN short AS text CONSTRAINT small CHECK (length(VALUE) < 9);
            COMMENT ON CONSTRAINT small ON DOMAIN short IS '{TOKEN}'; COMMENT ON TYPE short IS '{TOKEN}';
            COMMENT ON CONSTRAINT people_pkey ON people IS '{TOKEN}';
            COMMENT ON INDEX people_pkey IS '{TOKEN}';
            CREATE VIEW shown AS SELECT mail FROM people; COMMENT ON VIEW shown IS '{TOKEN}';
            CREATE FUNCTION one(a int, "B c" text) RETURNS int LANGUAGE sql AS 'SELECT 1';
            COMMENT ON FUNCTION one(int, text) IS '{TOKEN}';
            CREATE STATISTICS both_of ON id, mail FROM people; COMMENT ON STATISTICS both_of IS '{TOKEN}';
            CREATE ROLE clerk; COMMENT ON ROLE clerk IS '{TOKEN}';""",
        PEOPLE_POLICY,
    ),
    *(
        Construction(f"value in {where}", PEOPLE + sql, PEOPLE_POLICY, refused=where)
        for where, sql in {
            "function": f"CREATE FUNCTION own() RETURNS text LANGUAGE sql AS 'SELECT ''{TOKEN}@mail.test''';",
            "view": f"CREATE VIEW few AS SELECT id FROM people WHERE mail <> '{TOKEN}@mail.test';",
            "default value": f"ALTER TABLE people ALTER mail SET DEFAULT '{TOKEN}';",
            "policy": f"CREATE POLICY own ON people USING (mail <> '{TOKEN}@mail.test');",
            "index": f"CREATE INDEX few ON people (id) WHERE mail <> '{TOKEN}@mail.test';",
            "trigger": f"""CREATE FUNCTION t() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
                CREATE TRIGGER t AFTER INSERT ON people EXECUTE FUNCTION t('{TOKEN}@mail.test');""",
            "rule": f"""CREATE RULE r AS ON DELETE TO people DO ALSO
                UPDATE people SET id = 1 WHERE mail = '{TOKEN}@mail.test';""",
            "table column": 'ALTER TABLE people ADD COLUMN "a@mail.test" int GENERATED ALWAYS AS (1) STORED;',
            "large objects": f"SELECT lo_from_bytea(0, '{TOKEN}');",
        }.items()
    ),
    Construction(
        "large objects that are deleted", PEOPLE + f"SELECT lo_from_bytea(0, '{TOKEN}');",
        PEOPLE_POLICY + '[objects]\n"large objects" = "reset"\n',
    ),
    Construction(
        "rule that copies old rows",
        PEOPLE + """CREATE TABLE old_people (line text);
            CREATE RULE copies AS ON UPDATE TO people DO ALSO INSERT INTO old_people VALUES (OLD.mail);""",
        PEOPLE_POLICY + '[tables.old_people]\nline = "keep"\n', quick=True,
    ),
    Construction(
        "materialized views",
        PEOPLE + """CREATE MATERIALIZED VIEW mails AS SELECT mail FROM people;
            CREATE INDEX ON mails (lower(mail)); ANALYZE mails;""",
        PEOPLE_POLICY,
    ),
    Construction("emptied", PEOPLE + LOG.format(check=""), LOG_POLICY),
    Construction(
        "emptied under a view",
        PEOPLE + LOG.format(check="") + "CREATE VIEW last AS SELECT who, town FROM log;", LOG_POLICY,
    ),
    Construction(
        "emptied with a constraint", PEOPLE + LOG.format(check="CHECK (length(who) > 3)"), LOG_POLICY
    ),
    Construction(
        "emptied partitions",
        PEOPLE + f"""
            CREATE TABLE log (who text, at date NOT NULL) PARTITION BY RANGE (at);
            CREATE TABLE log_1 PARTITION OF log FOR VALUES FROM ('2021-01-01') TO ('2022-01-01');
            INSERT INTO log SELECT '{TOKEN}' || n % 7, '2021-01-01'::date + n % 90
                FROM generate_series(1, 900) n;
            CREATE INDEX ON log ((upper(who))); ANALYZE log; ANALYZE log_1;""",
        LOG_POLICY,
    ),
    *(
        Construction(f"key {action}, {name} first", KEYS.format(action=action), first + second)
        for action in ("CASCADE", "NO ACTION", "RESTRICT", "SET NULL")
        for name, first, second in (("parent", ACCOUNTS, SEATS), ("child", SEATS, ACCOUNTS))
    ),
    Construction(
        "key with two treatments", KEYS.format(action="CASCADE"),
        ACCOUNTS + SEATS.replace("fake email", "keep"), refused="seats.mail", quick=True,
    ),
    Construction(
        "partitioned by the value",
        f"""CREATE TABLE visits (mail text, at date) PARTITION BY LIST (mail);
            CREATE TABLE visits_1 PARTITION OF visits FOR VALUES IN ('{TOKEN}');
            INSERT INTO visits VALUES ('{TOKEN}')""",
        '[tables.visits]\nmail = "fake email"\nat = "keep"\n', refused="visits.mail",
    ),
    Construction(
        "partitioned by its hash",
        f"""CREATE TABLE visits (mail text, at date) PARTITION BY HASH (mail);
            CREATE TABLE visits_1 PARTITION OF visits FOR VALUES WITH (MODULUS 2, REMAINDER 0);
            CREATE TABLE visits_2 PARTITION OF visits FOR VALUES WITH (MODULUS 2, REMAINDER 1);
            INSERT INTO visits SELECT '{TOKEN}' || n FROM generate_series(1, 50) n; ANALYZE visits;""",
        '[tables.visits]\nmail = "fake email"\nat = "keep"\n',
    ),
    Construction(
        "settings of the database",
        PEOPLE.replace("40", "100000"), PEOPLE_POLICY,
        server="""ALTER DATABASE shop SET statement_timeout = '20ms';
            ALTER ROLE master SET lock_timeout = '1ms'; ALTER DATABASE shop SET bytea_output = 'escape';
            ALTER DATABASE shop SET default_transaction_read_only = on;
            ALTER DATABASE shop SET DateStyle = 'SQL, DMY'; ALTER DATABASE shop SET search_path = nowhere;
            ALTER DATABASE shop SET default_transaction_isolation = 'serializable'""",
    ),
    Construction(
        "documents", f"""
            CREATE DOMAIN document AS json;
            CREATE TABLE docs (id int PRIMARY KEY, doc jsonb, old document, raw varchar(90), past jsonb[],
                page text, folded text GENERATED ALWAYS AS (doc ->> 'mail') STORED);
            INSERT INTO docs (id, doc, old, raw, past, page) SELECT n,
                jsonb_build_object('mail', '{TOKEN}' || n || '@mail.test', 'all',
                    jsonb_build_array(jsonb_build_object('who', jsonb_build_array('{TOKEN}', n)))),
                '{{"a b": "{TOKEN}", "a b": "{TOKEN} 2"}}', CASE WHEN n % 2 = 0 THEN '{{"x": "{TOKEN}"}}'
                    ELSE '{TOKEN}' END, ARRAY['{{"who": "{TOKEN}"}}', NULL]::jsonb[],
                '<p title="{TOKEN}"><!-- <i>{TOKEN}</i> -->{TOKEN}<x y={TOKEN} >{TOKEN}'
                FROM generate_series(1, 40) n;
            CREATE INDEX ON docs ((doc ->> 'mail')); CREATE INDEX ON docs USING gin (doc); ANALYZE docs;""",
        '[tables.docs]\nid = "keep"\n"doc $.mail" = "fake email"\n"doc $.all[*].who" = "hash"\n'
        '\'old $."a b"\' = "fake name"\nraw = "json or null"\n"raw $.x" = "null"\n'
        '"past $[*].who" = "fake name"\npage = "markup"\n',
        quick=True,
    ),
    Construction(
        "deleted rows", PEOPLE + "ALTER TABLE people ADD boss int REFERENCES people ON DELETE RESTRICT;"
        "UPDATE people SET boss = id - 1 WHERE id % 20 > 1; ANALYZE people;",
        '[tables.people]\n"*" = "delete where id % 20 = 2"\nid = "keep"\nmail = "fake email"\n'
        'boss = "keep"\n',
    ),
    Construction(
        "constraint",
        PEOPLE + "ALTER TABLE people ADD CONSTRAINT ours CHECK (mail LIKE '%@mail.test') NOT VALID;",
        PEOPLE_POLICY, refused="ours",
    ),
    Construction(
        "names", f"""CREATE SCHEMA "Our.App"; CREATE TABLE "Our.App"."Client.List"
                ("No" int PRIMARY KEY, "mail.main" text, "say ""hi"" now" text);
            INSERT INTO "Our.App"."Client.List" VALUES (1, '{TOKEN}@mail.test', '{TOKEN}@mail.test');
            CREATE TABLE "import 2021.01" (id int PRIMARY KEY, "E-Mail" text);
            INSERT INTO "import 2021.01" VALUES (1, '{TOKEN}@mail.test')""",
        quick=True,
    ),
    Construction(
        "wide", PEOPLE + "".join(
            f"CREATE TABLE module_{table}_of_a_long_name ("
            + ", ".join(f"attribute_{n}_of_a_module text" for n in range(40)) + ");" for table in range(80)
        ),
    ),
    *(
        Construction(f"{kind} database", PEOPLE, PEOPLE_POLICY, server=sql, refused=refused)
        for kind, sql, refused in (
            ("empty", "CREATE DATABASE second", ""),
            ("second", f"""CREATE DATABASE second;
                \\connect second
                CREATE TABLE t AS SELECT '{TOKEN}' a""", "second"),
            ("template", f"""CREATE DATABASE "a b" IS_TEMPLATE true;
                \\connect "a b"
                CREATE TABLE t AS SELECT '{TOKEN}' a""", "a b"),
            ("closed", "CREATE DATABASE closed ALLOW_CONNECTIONS false", "closed"),
        )
    ),
    Construction(
        "setting with a secret", PEOPLE, PEOPLE_POLICY, refused="setting app.key",
        server=f"ALTER DATABASE shop SET app.key = '{TOKEN}'",
    ),
    Construction(
        "replication slot", PEOPLE, PEOPLE_POLICY, refused="replication slot",
        server="SELECT pg_create_physical_replication_slot('reader')",
    ),
    Construction(
        "role that cannot be locked", PEOPLE, PEOPLE_POLICY, refused="role stranger", before=16,
        server="CREATE ROLE stranger LOGIN PASSWORD 'of-production'",
    ),
    *(
        Construction(
            f"user mapping {name}", PEOPLE, PEOPLE_POLICY + objects, refused=refused,
            server=f"""\\connect shop
                CREATE FOREIGN DATA WRAPPER none; GRANT USAGE ON FOREIGN DATA WRAPPER none TO master;
                SET ROLE master; CREATE SERVER far FOREIGN DATA WRAPPER none;
                CREATE USER MAPPING FOR master SERVER far OPTIONS (password '{TOKEN}')""",
        )
        for name, objects, refused in (
            ("found", "", "user mapping master"),
            ("deleted", '[objects]\n"user mapping *" = "reset"\n', ""),
        )
    ),
)  # fmt: skip
