"""Constructions of MariaDB with planted values: what people have, and where a value can stay."""

from tests.ops.snapshots.effects.constructions import TOKEN, Construction

PEOPLE = f"""
    CREATE TABLE people (id INT PRIMARY KEY, mail VARCHAR(60), grade INT DEFAULT 3);
    INSERT INTO people (id, mail) SELECT seq, CONCAT('{TOKEN}', seq, '@mail.test') FROM seq_1_to_40;"""
PEOPLE_POLICY = '[tables.people]\nid = "keep"\nmail = "fake email"\ngrade = "keep"\n'
KEYS = f"""
    CREATE TABLE accounts (mail VARCHAR(60) PRIMARY KEY, plan VARCHAR(9));
    CREATE TABLE seats (id INT PRIMARY KEY, mail VARCHAR(60),
        FOREIGN KEY (mail) REFERENCES accounts (mail) ON UPDATE {{action}});
    INSERT INTO accounts SELECT CONCAT('{TOKEN}', seq, '@mail.test'), 'free' FROM seq_1_to_60;
    INSERT INTO seats SELECT seq, CONCAT('{TOKEN}', seq, '@mail.test') FROM seq_1_to_60;"""
ACCOUNTS = '[tables.accounts]\nmail = "fake email"\nplan = "keep"\n'
SEATS = '[tables.seats]\nid = "keep"\nmail = "fake email"\n'

CONSTRUCTIONS = (
    Construction(
        "types", f"""
            CREATE TABLE kinds (id BIGINT AUTO_INCREMENT PRIMARY KEY, raw BLOB, bits VARBINARY(90),
                mobile BIGINT, card DECIMAL(19, 0), away INET6, spot POINT, picked SET ('a', 'b'),
                mail VARCHAR(80) NOT NULL, folded VARCHAR(80) AS (LOWER(mail)) STORED, UNIQUE (mail),
                born DATE DEFAULT '0000-00-00', narrow VARCHAR(60) CHARACTER SET latin1);
            INSERT INTO kinds (raw, bits, mobile, card, away, spot, picked, mail, narrow) SELECT
                CONCAT('{TOKEN}', seq, '@mail.test'), CONCAT('{TOKEN}', seq, '@mail.test'),
                436601234567 + seq, 4539578763621486, '2a02:1810::1', POINT(seq, 1), 'a',
                CONCAT('{TOKEN}', seq, '@mail.test'),
                CONCAT('{TOKEN}', seq, '@mail.test') FROM seq_1_to_30;""",
        quick=True,
    ),
    *(
        Construction(f"value in {where}", PEOPLE + sql, PEOPLE_POLICY, refused=where)
        for where, sql in {
            "column shop.people.kind": f"""ALTER TABLE people
                ADD kind ENUM ('{TOKEN}@mail.test') AS (NULL) VIRTUAL;""",
            "table shop.people": f"ALTER TABLE people COMMENT = 'ask {TOKEN}@mail.test';",
            "view": f"CREATE VIEW few AS SELECT id FROM people WHERE mail <> '{TOKEN}@mail.test';",
            "function": f"CREATE FUNCTION own() RETURNS TEXT RETURN '{TOKEN}@mail.test';",
            "event": f"""CREATE EVENT nightly ON SCHEDULE EVERY 1 DAY
                DO UPDATE people SET mail = '{TOKEN}@mail.test';""",
            "default value": f"ALTER TABLE people ALTER mail SET DEFAULT '{TOKEN}';",
            "trigger": f"""CREATE TRIGGER own BEFORE INSERT ON people FOR EACH ROW
                SET NEW.mail = '{TOKEN}@mail.test';""",
            "table mysql.notes": f"CREATE TABLE mysql.notes AS SELECT '{TOKEN}' AS note;",
        }.items()
    ),
    Construction(
        "audit table of a trigger",
        PEOPLE + """CREATE TABLE audit (id INT AUTO_INCREMENT PRIMARY KEY, old VARCHAR(60));
            CREATE TRIGGER copies AFTER UPDATE ON people FOR EACH ROW
                INSERT INTO audit (old) VALUES (OLD.mail);""",
        PEOPLE_POLICY + '[tables.audit]\nid = "keep"\nold = "keep"\n',
    ),
    *(
        Construction(f"key {action}, {name} first", KEYS.format(action=action), first + second)
        for action in ("CASCADE", "RESTRICT", "SET NULL")
        for name, first, second in (("parent", ACCOUNTS, SEATS), ("child", SEATS, ACCOUNTS))
    ),
    Construction(
        "key with two treatments", KEYS.format(action="CASCADE"),
        ACCOUNTS + SEATS.replace("fake email", "keep"), refused="seats.mail", quick=True,
    ),
    Construction(
        "partitioned by the value",
        f"""CREATE TABLE visits (mail VARCHAR(60), at DATE) PARTITION BY LIST COLUMNS (mail)
                (PARTITION a VALUES IN ('{TOKEN}'));
            INSERT INTO visits VALUES ('{TOKEN}', NULL)""",
        '[tables.visits]\nmail = "fake email"\nat = "keep"\n', refused="visits.mail",
    ),
    Construction(
        "documents", f"""
            CREATE TABLE docs (id INT PRIMARY KEY, doc JSON, raw TEXT CHARACTER SET latin1, page MEDIUMTEXT,
                folded VARCHAR(90) AS (JSON_VALUE(doc, '$.mail')) STORED, KEY (folded));
            INSERT INTO docs (id, doc, raw, page) SELECT seq,
                JSON_OBJECT('mail', CONCAT('{TOKEN}', seq, '@mail.test'), 'all', JSON_ARRAY(JSON_OBJECT('who',
                    JSON_ARRAY('{TOKEN}', JSON_OBJECT('of', '{TOKEN}'))))),
                IF(seq % 2, '{{"a b": "{TOKEN}", "a b": "{TOKEN} 2"}}', '{TOKEN}'),
                '<p title="{TOKEN}"><!-- <i>{TOKEN}</i> -->{TOKEN}<x y={TOKEN} >{TOKEN}' FROM seq_1_to_40;
            ANALYZE TABLE docs PERSISTENT FOR ALL;""",
        '[tables.docs]\nid = "keep"\n"doc $.mail" = "fake email"\n"doc $.all[*].who" = "hash"\n'
        'raw = "json or null"\n\'raw $."a b"\' = "fake name"\npage = "markup"\n',
        refused='raw $."a b"',
    ),
    Construction(
        "deleted rows", PEOPLE + "ALTER TABLE people ADD boss INT REFERENCES people (id);"
        "UPDATE people SET boss = id - 1 WHERE id % 20 > 1;",
        '[tables.people]\n"*" = "delete where id % 20 = 2"\nid = "keep"\nmail = "fake email"\n'
        'grade = "keep"\nboss = "keep"\n',
    ),
    Construction(
        "constraint", PEOPLE + "ALTER TABLE people ADD CONSTRAINT ours CHECK (mail LIKE '%@mail.test');",
        PEOPLE_POLICY, refused="ours",
    ),
    Construction(
        "names", f"""CREATE DATABASE `our.app`; CREATE TABLE `our.app`.`client.list`
                (`No` INT PRIMARY KEY, `mail.main` VARCHAR(60), `say "hi"` VARCHAR(60));
            INSERT INTO `our.app`.`client.list` VALUES (1, '{TOKEN}@mail.test', '{TOKEN}@mail.test')""",
    ),
    Construction(
        "wide", PEOPLE + "".join(
            f"CREATE TABLE module_{table}_of_a_long_name ("
            + ", ".join(f"attribute_{n}_of_a_module INT" for n in range(90)) + ");" for table in range(35)
        ),
    ),
    Construction(
        "settings of the server", PEOPLE, PEOPLE_POLICY,
        server="SET GLOBAL max_statement_time = 0.001, GLOBAL tx_read_only = 1, GLOBAL sql_safe_updates = 1",
    ),
)  # fmt: skip
