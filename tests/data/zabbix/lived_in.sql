-- What people and machines leave in Zabbix's tables, which its packages bring empty; the same on every engine.
INSERT INTO users (userid, username, name, surname, passwd, attempt_ip, roleid)
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 400)
SELECT 1000 + i, CONCAT('Operator.', i), CONCAT('Ada', i), CONCAT('Lovelace-', i), CONCAT('$2y$10$', MD5(CONCAT('pw', i))),
    CONCAT('10.1.', i % 250, '.', i % 199), 1 + i % 4 FROM n;
INSERT INTO media (mediaid, userid, mediatypeid, sendto)
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 800)
SELECT i, 1001 + i % 400, (SELECT MIN(mediatypeid) FROM media_type), CONCAT('operator', i, '@corp.test') FROM n;
INSERT INTO hosts (hostid, host, name, description, ipmi_username, ipmi_password, status)
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500)
SELECT 100000 + i, CONCAT('db', i, '.corp.test'), CONCAT('Database ', i), CONCAT('Ask Ada', i), CONCAT('ipmi', i),
    CONCAT('secret', i), 0 FROM n;
INSERT INTO interface (interfaceid, hostid, main, ip, dns)
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500)
SELECT 100000 + i, 100000 + i, 1, CONCAT('10.2.', i % 250, '.', i % 199), CONCAT('db', i, '.corp.test') FROM n;
INSERT INTO host_inventory (hostid, contact, location_lat, location_lon, macaddress_a, poc_1_name, poc_1_email,
    poc_1_phone_a, poc_1_cell, site_address_a, site_city, site_zip, notes, hardware_full, software_full, location,
    host_networks, site_notes, poc_1_notes, poc_2_notes)
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500)
SELECT 100000 + i, CONCAT('Grace Hopper ', i), CONCAT('48.', i), CONCAT('16.', i), CONCAT('00:1b:44:11:3a:', i),
    CONCAT('Edsger ', i), CONCAT('edsger', i, '@corp.test'), CONCAT('+43 660 ', 1000000 + i),
    CONCAT('+43 676 ', 2000000 + i), CONCAT(i, ' Ringstrasse'), CONCAT('Vienna ', i), CONCAT('A-', 1000 + i),
    CONCAT('the key is with Edsger ', i), '', '', CONCAT('cellar ', i), '', '', '', '' FROM n;
INSERT INTO events (eventid, objectid, name, clock)
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000)
SELECT i + k, 1, CONCAT('disk of db', i, '.corp.test is full'), 1700000000 + i + k
FROM n CROSS JOIN (SELECT 0 AS k UNION ALL SELECT 1000 UNION ALL SELECT 2000 UNION ALL SELECT 3000) t;
INSERT INTO problem (eventid, objectid, name, clock)
SELECT eventid, objectid, name, clock FROM events;
INSERT INTO acknowledges (acknowledgeid, userid, eventid, clock, message)
SELECT eventid, 1001 + eventid % 400, eventid, clock, CONCAT('Ada', eventid, ' looks after it') FROM events;
INSERT INTO alerts (alertid, actionid, eventid, userid, sendto, subject, message, parameters)
SELECT eventid, (SELECT MIN(actionid) FROM actions), eventid, 1001 + eventid % 400,
    CONCAT('operator', 1 + eventid % 800, '@corp.test'), CONCAT('Dear Ada', eventid), CONCAT('db', eventid, ' is down'),
    '{}' FROM events;
INSERT INTO auditlog (auditid, userid, username, ip, recordsetid, resourcename, details)
SELECT CONCAT('ck', eventid), 1001 + eventid % 400, CONCAT('Operator.', 1 + eventid % 400),
    CONCAT('10.1.', eventid % 250, '.', eventid % 199), CONCAT('ck', eventid), CONCAT('Ada', eventid),
    CONCAT('{"user.name":["add","Ada', eventid, '"]}')
FROM events;
INSERT INTO sessions (sessionid, userid)
SELECT MD5(CONCAT('session', eventid)), 1001 + eventid % 400 FROM events;
INSERT INTO token (tokenid, name, description, userid, token)
SELECT userid, CONCAT('laptop of ', username), '', userid, MD5(CONCAT('token', userid)) FROM users;
INSERT INTO history_text (itemid, clock, value)
SELECT 1 + eventid % 50, clock, CONCAT('login of Ada', eventid, ' from 10.1.0.', eventid % 199) FROM events;
