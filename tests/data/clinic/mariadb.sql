-- A database that no treatment was written for: two schemas, composite and circular keys, enums, sets, JSON,
-- generated columns, partitions, binary keys, and names that need their quotes. Rows are made by arithmetic:
-- the same in every run.
CREATE DATABASE clinic; CREATE DATABASE `Order`;
USE clinic;
CREATE TABLE site (site_no INT PRIMARY KEY, name TEXT NOT NULL, city VARCHAR(30) NOT NULL);
INSERT INTO site SELECT seq, CONCAT('Clinic ', seq), CONCAT('Zlatorog ', seq) FROM seq_1_to_4;

CREATE TABLE ward (ward_no INT PRIMARY KEY, label TEXT NOT NULL, head BINARY(16));
INSERT INTO ward SELECT seq, CONCAT('Ward ', seq), UNHEX(MD5(CONCAT('staff', seq))) FROM seq_1_to_5;
CREATE TABLE staff (
    id BINARY(16) PRIMARY KEY, ward_no INT NOT NULL, reports_to BINARY(16), login VARCHAR(12) NOT NULL UNIQUE,
    password_hash CHAR(40) NOT NULL, salary DECIMAL(10, 2), `IBAN` TEXT, hired DATE NOT NULL,
    FOREIGN KEY (ward_no) REFERENCES ward (ward_no), FOREIGN KEY (reports_to) REFERENCES staff (id));
INSERT INTO staff SELECT UNHEX(MD5(CONCAT('staff', seq))), 1 + seq % 5,
    IF(seq > 5, UNHEX(MD5(CONCAT('staff', seq % 5 + 1))), NULL), CONCAT('dr.quux', seq),
    LEFT(REPEAT(MD5(seq), 2), 40), 41000.5 + seq, CONCAT('AT', 10 + seq % 80, '19043002345', 70000 + seq),
    DATE_ADD('2001-02-03', INTERVAL seq DAY) FROM seq_1_to_60;
ALTER TABLE ward ADD CONSTRAINT `head's key` FOREIGN KEY (head) REFERENCES staff (id);

CREATE TABLE patient (
    site_no INT, patient_no INT, sex ENUM ('female', 'male', 'other') NOT NULL,
    allergies SET ('nuts', 'pollen', 'dust'), given_name VARCHAR(9) CHARACTER SET latin1 NOT NULL,
    `Family Name` VARCHAR(60) NOT NULL, shown VARCHAR(80) AS (CONCAT(given_name, ' ', `Family Name`)) STORED,
    initial CHAR(1) AS (LEFT(given_name, 1)) VIRTUAL, birth_date DATE NOT NULL, email VARCHAR(80) UNIQUE,
    address JSON NOT NULL, `select` VARCHAR(12), weight FLOAT, photo BLOB, is_in BIT(1) NOT NULL, note TEXT,
    changed DATETIME(6) NOT NULL ON UPDATE CURRENT_TIMESTAMP(6), PRIMARY KEY (site_no, patient_no),
    FOREIGN KEY (site_no) REFERENCES site (site_no), FULLTEXT (note), CHECK (LENGTH(given_name) > 1));
INSERT INTO patient (site_no, patient_no, sex, allergies, given_name, `Family Name`, birth_date, email, address,
        `select`, weight, photo, is_in, note, changed)
    SELECT 1 + seq % 4, seq, 1 + seq % 3, seq % 8, CONCAT('Zdénko', seq % 97), CONCAT('Quetzál-', seq),
    DATE_ADD('1931-05-06', INTERVAL seq * 37 DAY), IF(seq % 10 > 0, CONCAT('Patient.', seq, '@hospital.test'), NULL),
    JSON_OBJECT('street', CONCAT('Quetzálgasse ', seq), 'contact', CONCAT('kin.', seq, '@hospital.test')),
    LPAD(100000000 + seq * 7, 10, '0'), 50 + seq % 40, UNHEX(MD5(seq)), seq % 2,
    IF(seq % 3 = 0, CONCAT('Quetzál-', seq, ' asked to be called at +43 660 ', 1000000 + seq), NULL),
    DATE_ADD('2024-01-01 12:00:00', INTERVAL seq HOUR) FROM seq_1_to_500;

CREATE TABLE visit (
    site_no INT, patient_no INT, visited DATETIME NOT NULL, doctor BINARY(16), `from` VARCHAR(39), complaint TEXT,
    PRIMARY KEY (site_no, patient_no, visited))
    PARTITION BY RANGE COLUMNS (visited) (PARTITION p2024 VALUES LESS THAN ('2025-01-01'),
        PARTITION p2025 VALUES LESS THAN ('2026-01-01'), PARTITION later VALUES LESS THAN (MAXVALUE));
INSERT INTO visit SELECT 1 + n.seq % 4, n.seq, DATE_ADD('2024-06-01 08:00:00', INTERVAL n.seq + 200 * v.seq DAY),
    UNHEX(MD5(CONCAT('staff', 1 + n.seq % 60))), CONCAT('10.1.', n.seq % 256, '.', v.seq),
    CONCAT('Quetzál-', n.seq, ' complains') FROM seq_1_to_500 n, seq_1_to_4 v;

CREATE TABLE `Order`.`Order` (
    id BIGINT UNSIGNED AUTO_INCREMENT PRIMARY KEY, site_no INT NOT NULL, patient_no INT NOT NULL, `user` VARCHAR(90),
    total DECIMAL(8, 2) NOT NULL, `desc` JSON,
    FOREIGN KEY (site_no, patient_no) REFERENCES clinic.patient (site_no, patient_no));
INSERT INTO `Order`.`Order` (site_no, patient_no, `user`, total, `desc`)
    SELECT site_no, patient_no, email, n.seq * patient_no * 1.25, '{"gift": false}' FROM patient, seq_1_to_3 n;
CREATE TABLE `Order`.`it's a ``line`` of 100% "é"` (
    `order` BIGINT UNSIGNED, `position` SMALLINT, `group` VARCHAR(20) NOT NULL, `who:what\` VARCHAR(90),
    PRIMARY KEY (`order`, `position`), FOREIGN KEY (`order`) REFERENCES `Order` (id) ON DELETE CASCADE);
INSERT INTO `Order`.`it's a ``line`` of 100% "é"`
    SELECT id, seq, CONCAT('drug ', seq), CONCAT('for Quetzál-', patient_no) FROM `Order`.`Order`, seq_1_to_3;

CREATE TABLE session (
    token BINARY(16) PRIMARY KEY, site_no INT, patient_no INT, opened TIMESTAMP NOT NULL,
    FOREIGN KEY (site_no, patient_no) REFERENCES patient (site_no, patient_no) ON DELETE CASCADE);
INSERT INTO session SELECT UNHEX(MD5(CONCAT('session', seq))), 1 + (1 + seq % 500) % 4, 1 + seq % 500,
    DATE_ADD('2025-01-01 00:00:00', INTERVAL seq MINUTE) FROM seq_1_to_2000;
CREATE TABLE click (session BINARY(16), n INT, page TEXT, PRIMARY KEY (session, n),
    FOREIGN KEY (session) REFERENCES session (token));
INSERT INTO click SELECT token, seq, CONCAT('/page/', seq) FROM session, seq_1_to_2;
CREATE TABLE audit_log (at DATETIME, line TEXT);
INSERT INTO audit_log SELECT NOW(), CONCAT(email, ' changed') FROM patient;

CREATE VIEW people AS SELECT shown, email FROM patient;
DELIMITER //
CREATE TRIGGER touch BEFORE UPDATE ON patient FOR EACH ROW BEGIN
    INSERT INTO audit_log VALUES (NOW(), OLD.email); SET NEW.changed = NOW(6);
END//
DELIMITER ;
