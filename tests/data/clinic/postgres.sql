-- A database that no treatment was written for: schemas, composite and circular keys, domains, enums, arrays,
-- JSON, generated columns, partitions that a date decides on, and names that need their quotes. Rows are made
-- by arithmetic: the same in every run.
CREATE SCHEMA clinic;
CREATE SCHEMA "Order";
CREATE TYPE clinic.sex AS ENUM ('female', 'male', 'other');
CREATE DOMAIN clinic.email_address AS varchar(80) CHECK (VALUE LIKE '%_@_%');

CREATE TABLE clinic.site (
    site_no int PRIMARY KEY, name text NOT NULL, city varchar(30) NOT NULL);
INSERT INTO clinic.site SELECT n, 'Clinic ' || n, 'Zlatorog ' || n FROM generate_series(1, 4) n;

CREATE TABLE clinic.ward (ward_no int PRIMARY KEY, label text NOT NULL, head uuid);
CREATE TABLE clinic.staff (
    id uuid PRIMARY KEY, ward_no int NOT NULL REFERENCES clinic.ward DEFERRABLE INITIALLY DEFERRED,
    reports_to uuid REFERENCES clinic.staff, login varchar(12) NOT NULL UNIQUE, password_hash char(40) NOT NULL,
    salary numeric(10, 2), "IBAN" text, hired date NOT NULL);
INSERT INTO clinic.staff SELECT md5('staff' || n)::uuid, 1 + n % 5,
    CASE WHEN n > 5 THEN md5('staff' || (n % 5 + 1))::uuid END, 'dr.quux' || n, left(repeat(md5(n::text), 2), 40),
    41000.5 + n, 'AT' || (10 + n % 80) || '19043002345' || (70000 + n), '2001-02-03'::date + n
    FROM generate_series(1, 60) n;
INSERT INTO clinic.ward SELECT n, 'Ward ' || n, md5('staff' || n)::uuid FROM generate_series(1, 5) n;
ALTER TABLE clinic.ward ADD CONSTRAINT "head's key" FOREIGN KEY (head) REFERENCES clinic.staff;

CREATE TABLE clinic.patient (
    site_no int REFERENCES clinic.site, patient_no int, sex clinic.sex NOT NULL,
    given_name varchar(9) NOT NULL, "Family Name" text NOT NULL,
    shown text GENERATED ALWAYS AS (given_name || ' ' || "Family Name") STORED,
    birth_date date NOT NULL, email clinic.email_address UNIQUE, phones text[] NOT NULL DEFAULT '{}',
    address jsonb NOT NULL, "select" text, weight real, photo bytea, note text, changed timestamptz NOT NULL,
    PRIMARY KEY (site_no, patient_no));
INSERT INTO clinic.patient (site_no, patient_no, sex, given_name, "Family Name", birth_date, email, phones,
        address, "select", weight, photo, note, changed)
    SELECT 1 + n % 4, n, (ARRAY['female', 'male', 'other'])[1 + n % 3]::clinic.sex, 'Zdenko' || n % 97,
    'Quetzál-' || n, '1931-05-06'::date + n * 37, CASE WHEN n % 10 > 0 THEN 'Patient.' || n || '@hospital.test' END,
    ARRAY['+43 660 ' || (1000000 + n), '+43 1 ' || (2000000 + n)],
    jsonb_build_object('street', 'Quetzálgasse ' || n, 'contact', 'kin.' || n || '@hospital.test'),
    lpad((100000000 + n * 7)::text, 10, '0'), 50 + n % 40, decode(md5(n::text), 'hex'),
    CASE n % 3 WHEN 0 THEN 'Quetzál-' || n || ' asked to be called at +43 660 ' || (1000000 + n) END,
    '2024-01-01 12:00+00'::timestamptz + n * interval '1 hour' FROM generate_series(1, 500) n;
CREATE UNIQUE INDEX ON clinic.patient (lower(email));

CREATE TABLE clinic.visit (
    site_no int, patient_no int, visited timestamp NOT NULL, doctor uuid REFERENCES clinic.staff,
    "from" inet, complaint text, PRIMARY KEY (site_no, patient_no, visited),
    FOREIGN KEY (site_no, patient_no) REFERENCES clinic.patient) PARTITION BY RANGE (visited);
CREATE TABLE clinic.visit_2024 PARTITION OF clinic.visit FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
CREATE TABLE clinic.visit_2025 PARTITION OF clinic.visit FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
CREATE TABLE clinic.visit_other PARTITION OF clinic.visit DEFAULT;
INSERT INTO clinic.visit SELECT 1 + n % 4, n, '2024-06-01 08:00'::timestamp + (n + 200 * visit) * interval '1 day',
    md5('staff' || (1 + n % 60))::uuid, ('10.1.' || n % 256 || '.' || visit)::inet,
    'Quetzál-' || n || ' complains' FROM generate_series(1, 500) n, generate_series(1, 4) visit;

CREATE TABLE "Order"."Order" (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, site_no int NOT NULL, patient_no int NOT NULL,
    "user" text, total numeric(8, 2) NOT NULL, tags text[], "desc" json,
    FOREIGN KEY (site_no, patient_no) REFERENCES clinic.patient);
INSERT INTO "Order"."Order" (site_no, patient_no, "user", total, tags, "desc")
    SELECT 1 + n % 500 % 4, 1 + (n - 1) % 500, NULL, n * 1.25, ARRAY['new', 'paid'], '{"gift": false}'
    FROM generate_series(1, 1500) n WHERE (1 + n % 500 % 4) = 1 + (1 + (n - 1) % 500) % 4;
UPDATE "Order"."Order" o SET "user" = p.email FROM clinic.patient p WHERE (p.site_no, p.patient_no) = (o.site_no, o.patient_no);
CREATE TABLE "Order"."it's a ""line"" of 100%" (
    "order" bigint REFERENCES "Order"."Order" ON DELETE CASCADE, "position" smallint, "group" varchar(20) NOT NULL,
    "who:what" text, PRIMARY KEY ("order", "position"));
INSERT INTO "Order"."it's a ""line"" of 100%"
    SELECT id, line, 'drug ' || line, 'for Quetzál-' || patient_no FROM "Order"."Order", generate_series(1, 3) line;

CREATE TABLE clinic.session (
    token uuid PRIMARY KEY, site_no int, patient_no int, agent text, opened timestamptz NOT NULL,
    FOREIGN KEY (site_no, patient_no) REFERENCES clinic.patient ON DELETE CASCADE);
INSERT INTO clinic.session SELECT md5('session' || n)::uuid, 1 + (1 + n % 500) % 4, 1 + n % 500,
    '<agent>browser</agent>', '2025-01-01'::timestamptz + n * interval '1 minute' FROM generate_series(1, 2000) n;
CREATE TABLE clinic.click (session uuid REFERENCES clinic.session, n int, page text, PRIMARY KEY (session, n));
INSERT INTO clinic.click SELECT token, n, '/page/' || n FROM clinic.session, generate_series(1, 2) n;
CREATE TABLE clinic.audit_log (at timestamptz, line text);
INSERT INTO clinic.audit_log SELECT now(), email || ' changed' FROM clinic.patient;

CREATE VIEW clinic.people AS SELECT shown, email FROM clinic.patient;
CREATE MATERIALIZED VIEW clinic.directory AS SELECT shown, email FROM clinic.people;
CREATE FUNCTION clinic.touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO clinic.audit_log VALUES (now(), OLD.email); NEW.changed := now(); RETURN NEW; END $$;
CREATE TRIGGER touch BEFORE UPDATE ON clinic.patient FOR EACH ROW EXECUTE FUNCTION clinic.touch();
ANALYZE;
