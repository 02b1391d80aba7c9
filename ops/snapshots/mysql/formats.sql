CREATE FUNCTION slipway_check_number(kind VARCHAR(10), payload LONGTEXT CHARACTER SET ascii)
RETURNS INT DETERMINISTIC NO SQL
BEGIN
    DECLARE total, code, place INT DEFAULT 0;
    DECLARE size INT DEFAULT CHAR_LENGTH(payload);
    WHILE place < size DO
        SET place = place + 1;
        SET code = ORD(UPPER(SUBSTR(payload, place, 1)));
        SET code = code - IF(code < 58, 48, 55);
        SET total = CASE kind
            WHEN 'card' THEN total + IF((size - place) % 2 = 1, code, code * 2 - IF(code > 4, 9, 0))
            WHEN 'pesel' THEN total + code * SUBSTR('1379137913', place, 1)
            WHEN 'cpf' THEN total + code * (size + 2 - place)
            WHEN 'dni' THEN (total * 10 + code) % 23
            ELSE (total * IF(code > 9, 100, 10) + code) % 97 END;
    END WHILE;
    RETURN CASE kind WHEN 'cpf' THEN total * 10 % 11 % 10 WHEN 'dni' THEN total
        WHEN 'iban' THEN 98 - total WHEN 'nir' THEN 97 - total ELSE (10 - total % 10) % 10 END;
END//slipway//

CREATE FUNCTION slipway_checked(given INT, before_ INT, after_ INT, base INT, modulus INT)
RETURNS INT DETERMINISTIC NO SQL
    RETURN IF(given < base OR given >= base + modulus, given,
        base + (given - base + after_ - before_ + modulus) % modulus)//slipway//

CREATE FUNCTION slipway_permuted(plain LONGTEXT CHARACTER SET ascii, salt VARBINARY(4096))
RETURNS LONGTEXT CHARACTER SET ascii DETERMINISTIC NO SQL
BEGIN
    DECLARE result, part, turned LONGTEXT CHARACTER SET ascii DEFAULT '';
    DECLARE digest CHAR(32) CHARACTER SET ascii;
    DECLARE start, place, turn INT DEFAULT 1;
    DECLARE code, radix, half INT;
    DECLARE one, other, one_size, other_size, added DECIMAL(65, 0);
    WHILE start <= CHAR_LENGTH(plain) DO
        SET part = SUBSTR(plain, start, 32), turned = '', place = 1, turn = 1;
        SET half = CHAR_LENGTH(part) DIV 2, one = 0, other = 0, one_size = 1, other_size = 1;
        WHILE place <= CHAR_LENGTH(part) DO
            SET code = ORD(SUBSTR(part, place, 1));
            SET radix = IF(code < 58, 10, 26), code = code - IF(code < 58, 48, 97);
            IF place <= half THEN
                SET one = one * radix + code, one_size = one_size * radix;
            ELSE
                SET other = other * radix + code, other_size = other_size * radix;
            END IF;
            SET place = place + 1;
        END WHILE;
        WHILE turn <= 8 DO
            SET digest = MD5(CONCAT(salt, 'format-', turn, '-', LEFT(plain, start - 1), '-',
                IF(turn % 2 = 1, one, other)));
            SET added = CAST(CONV(LEFT(digest, 15), 16, 10) AS DECIMAL(65, 0)) * 1152921504606846976
                + CAST(CONV(SUBSTR(digest, 16, 15), 16, 10) AS DECIMAL(65, 0));
            IF turn % 2 = 1 THEN
                SET other = (other + added) % other_size;
            ELSE
                SET one = (one + added) % one_size;
            END IF;
            SET turn = turn + 1;
        END WHILE;
        SET place = CHAR_LENGTH(part);
        WHILE place > 0 DO
            SET radix = IF(ORD(SUBSTR(part, place, 1)) < 58, 10, 26);
            IF place > half THEN
                SET code = other % radix, other = (other - other % radix) / radix;
            ELSE
                SET code = one % radix, one = (one - one % radix) / radix;
            END IF;
            SET turned = CONCAT(CHAR(code + IF(radix = 10, 48, 97) USING ascii), turned), place = place - 1;
        END WHILE;
        SET result = CONCAT(result, turned), start = start + 32;
    END WHILE;
    RETURN result;
END//slipway//

CREATE FUNCTION slipway_formatted(given LONGTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin,
    kind VARCHAR(10), kept INT, salt VARBINARY(4096))
RETURNS LONGTEXT CHARACTER SET utf8mb4 DETERMINISTIC NO SQL
BEGIN
    DECLARE whole, even, result LONGTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin DEFAULT '';
    DECLARE letter VARCHAR(1) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
    DECLARE bare, payload, turned LONGTEXT CHARACTER SET ascii;
    DECLARE letters CHAR(23) CHARACTER SET ascii DEFAULT 'TRWAGMYFPDXBNJZSQVHLCKE';  -- pragma: allowlist secret
    DECLARE first_, size INT;
    DECLARE checks, place, spot INT DEFAULT 0;
    IF given IS NULL THEN
        RETURN NULL;
    END IF;
    SET whole = given;
    IF kind = 'email' AND LOCATE('@', given) > 0 THEN
        SET whole = LEFT(given, CHAR_LENGTH(given) - CHAR_LENGTH(SUBSTRING_INDEX(given, '@', -1)) - 1);
    END IF;
    SET even = LOWER(REGEXP_REPLACE(whole, '[^ -~]', 'x'));
    SET bare = REGEXP_REPLACE(even, '[^0-9a-z]', '');
    SET first_ = CHAR_LENGTH(REGEXP_REPLACE(LEFT(even, kept), '[^0-9a-z]', '')), size = CHAR_LENGTH(bare);
    IF kind = 'iban' AND bare REGEXP '^[a-z]{2}[0-9]{2}[0-9a-z]{11,30}$' THEN
        SET first_ = GREATEST(first_, 4);
        SET turned = CONCAT(SUBSTR(bare, 5, first_ - 4),
            slipway_permuted(SUBSTR(bare, first_ + 1), salt));
        SET turned = CONCAT(LEFT(bare, 2), LPAD(slipway_checked(SUBSTR(bare, 3, 2),
            slipway_check_number(kind, CONCAT(SUBSTR(bare, 5), LEFT(bare, 2), '00')),
            slipway_check_number(kind, CONCAT(turned, LEFT(bare, 2), '00')), 2, 97), 2, '0'), turned);
    ELSE
        IF kind = 'card' AND bare REGEXP '^[0-9]{12,19}$' OR kind = 'pesel' AND bare REGEXP '^[0-9]{11}$' THEN
            SET checks = 1;
        ELSEIF kind = 'dni' AND bare REGEXP '^[xyz0-9][0-9]{7}[a-z]$' THEN
            SET checks = 1, first_ = GREATEST(first_, bare REGEXP '^[xyz]');
        ELSEIF kind = 'nir' AND bare REGEXP '^[0-9]{15}$' OR kind = 'cpf' AND bare REGEXP '^[0-9]{11}$' THEN
            SET checks = 2;
        END IF;
        SET first_ = LEAST(first_, size - checks), payload = LEFT(bare, size - checks);
        SET turned = CONCAT(LEFT(payload, first_), slipway_permuted(SUBSTR(payload, first_ + 1), salt));
        IF checks = 1 AND kind <> 'dni' THEN
            SET turned = CONCAT(turned, slipway_checked(RIGHT(bare, 1),
                slipway_check_number(kind, payload), slipway_check_number(kind, turned), 0, 10));
        ELSEIF checks = 1 THEN
            SET place = slipway_checked(LOCATE(UPPER(RIGHT(bare, 1)), letters) - 1,
                slipway_check_number(kind,
                    REPLACE(REPLACE(REPLACE(payload, 'x', '0'), 'y', '1'), 'z', '2')),
                slipway_check_number(kind,
                    REPLACE(REPLACE(REPLACE(turned, 'x', '0'), 'y', '1'), 'z', '2')), 0, 23);
            SET turned = CONCAT(turned, IF(place < 0, RIGHT(bare, 1), LOWER(SUBSTR(letters, place + 1, 1))));
        ELSEIF kind = 'nir' AND checks = 2 THEN
            SET turned = CONCAT(turned, LPAD(slipway_checked(RIGHT(bare, 2),
                slipway_check_number(kind, payload), slipway_check_number(kind, turned), 1, 97),
                2, '0'));
        ELSEIF checks = 2 THEN
            SET turned = CONCAT(turned, slipway_checked(SUBSTR(bare, 10, 1),
                slipway_check_number(kind, payload), slipway_check_number(kind, turned), 0, 10));
            SET turned = CONCAT(turned, slipway_checked(RIGHT(bare, 1),
                slipway_check_number(kind, LEFT(bare, 10)),
                slipway_check_number(kind, turned), 0, 10));
        END IF;
    END IF;
    SET place = 0, spot = 1;
    WHILE spot <= CHAR_LENGTH(whole) DO
        SET letter = SUBSTR(whole, spot, 1);
        IF SUBSTR(even, spot, 1) REGEXP '[0-9a-z]' THEN
            SET place = place + 1;
            SET letter = CASE WHEN spot <= kept THEN letter
                WHEN ORD(letter) BETWEEN 65 AND 90 THEN UPPER(SUBSTR(turned, place, 1))
                ELSE SUBSTR(turned, place, 1) END;
        END IF;
        SET result = CONCAT(result, letter), spot = spot + 1;
    END WHILE;
    RETURN CONCAT(result, SUBSTR(given, CHAR_LENGTH(whole) + 1));
END//slipway//
