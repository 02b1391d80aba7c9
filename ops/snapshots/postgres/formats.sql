-- Functions of "keep format", for one session. `ops.snapshots.policy.formats` explains the algorithm.

-- The check number of a payload: of letters and digits in capitals, without the check characters.
CREATE FUNCTION pg_temp.check_number(kind text, payload text) RETURNS int
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    total int := 0;
    code int;
    size int := length(payload);
    place int := 0;
BEGIN
    FOREACH code IN ARRAY (SELECT array_agg(CASE WHEN ascii(c) < 58 THEN ascii(c) - 48 ELSE ascii(c) - 55 END)
            FROM regexp_split_to_table(payload, '') AS c) LOOP
        place := place + 1;
        total := CASE kind
            WHEN 'card' THEN total + CASE WHEN (size - place) % 2 = 1 THEN code
                ELSE code * 2 - CASE WHEN code > 4 THEN 9 ELSE 0 END END
            WHEN 'pesel' THEN total + code * substr('1379137913', place, 1)::int
            WHEN 'cpf' THEN total + code * (size + 2 - place)
            WHEN 'dni' THEN (total * 10 + code) % 23
            ELSE (total * CASE WHEN code > 9 THEN 100 ELSE 10 END + code) % 97 END;
    END LOOP;
    RETURN CASE kind WHEN 'cpf' THEN total * 10 % 11 % 10 WHEN 'dni' THEN total
        WHEN 'iban' THEN 98 - total WHEN 'nir' THEN 97 - total ELSE (10 - total % 10) % 10 END;
END $$;

-- A check number that is as far from the right one as before: a valid number stays valid.
CREATE FUNCTION pg_temp.checked(given int, before int, after int, base int, modulus int) RETURNS int
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN given < base OR given >= base + modulus THEN given
        ELSE base + (given - base + after - before + modulus) % modulus END
$$;

-- Letters and digits in lower case, as other ones: a permutation for each salt and pattern of the text.
CREATE FUNCTION pg_temp.permuted(plain text, salt text) RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    result text := '';
    part text;
    turned text;
    digest text;
    code int;
    radix int;
    half int;
    one numeric;
    other numeric;
    one_size numeric;
    other_size numeric;
    added numeric;
BEGIN
    FOR start IN 1..length(plain) BY 32 LOOP
        part := substr(plain, start, 32);
        half := length(part) / 2;
        one := 0; other := 0; one_size := 1; other_size := 1;
        FOR place IN 1..length(part) LOOP
            code := ascii(substr(part, place, 1));
            radix := CASE WHEN code < 58 THEN 10 ELSE 26 END;
            code := code - CASE WHEN code < 58 THEN 48 ELSE 97 END;
            IF place <= half THEN
                one := one * radix + code; one_size := one_size * radix;
            ELSE
                other := other * radix + code; other_size := other_size * radix;
            END IF;
        END LOOP;
        FOR turn IN 1..8 LOOP
            digest := md5(salt || 'format-' || turn || '-' || left(plain, start - 1) || '-'
                || CASE WHEN turn % 2 = 1 THEN one ELSE other END);
            added := ('x' || left(digest, 15))::bit(60)::bigint * 1152921504606846976.0::numeric(40, 0)
                + ('x' || substr(digest, 16, 15))::bit(60)::bigint;
            IF turn % 2 = 1 THEN
                other := (other + added) % other_size;
            ELSE
                one := (one + added) % one_size;
            END IF;
        END LOOP;
        turned := '';
        FOR place IN REVERSE length(part)..1 LOOP
            radix := CASE WHEN ascii(substr(part, place, 1)) < 58 THEN 10 ELSE 26 END;
            IF place > half THEN
                code := (other % radix)::int; other := div(other, radix);
            ELSE
                code := (one % radix)::int; one := div(one, radix);
            END IF;
            turned := chr(code + CASE WHEN radix = 10 THEN 48 ELSE 97 END) || turned;
        END LOOP;
        result := result || turned;
    END LOOP;
    RETURN result;
END $$;

CREATE FUNCTION pg_temp.formatted(value text, kind text, kept int, salt text) RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    whole text := value;
    even text;      -- lower case, and an x for what is not ASCII
    bare text;      -- of that, letters and digits
    turned text;
    result text := '';
    letter text;
    letters text := 'TRWAGMYFPDXBNJZSQVHLCKE';  -- pragma: allowlist secret
    first int;      -- characters of `bare` that stay
    checks int := 0;  -- check characters at the end of `bare`
    size int;
    payload text;
    place int := 0;
BEGIN
    IF value IS NULL THEN
        RETURN NULL;
    END IF;
    IF kind = 'email' AND strpos(value, '@') > 0 THEN
        whole := left(value, length(value) - strpos(reverse(value), '@'));
    END IF;
    even := lower(regexp_replace(whole, '[^ -~]', 'x', 'g') COLLATE "C");
    bare := regexp_replace(even, '[^0-9a-z]', '', 'g');
    first := length(regexp_replace(left(even, kept), '[^0-9a-z]', '', 'g'));
    size := length(bare);
    IF kind = 'iban' AND bare ~ '^[a-z]{2}[0-9]{2}[0-9a-z]{11,30}$' THEN
        first := greatest(first, 4);
        turned := substr(bare, 5, first - 4) || pg_temp.permuted(substr(bare, first + 1), salt);
        turned := left(bare, 2) || lpad(pg_temp.checked(substr(bare, 3, 2)::int,
            pg_temp.check_number(kind, upper(substr(bare, 5) || left(bare, 2) || '00')),
            pg_temp.check_number(kind, upper(turned || left(bare, 2) || '00')), 2, 97)::text, 2, '0') || turned;
    ELSE
        IF kind = 'card' AND bare ~ '^[0-9]{12,19}$' OR kind = 'pesel' AND bare ~ '^[0-9]{11}$' THEN
            checks := 1;
        ELSIF kind = 'dni' AND bare ~ '^[xyz0-9][0-9]{7}[a-z]$' THEN
            checks := 1;
            first := greatest(first, CASE WHEN bare ~ '^[xyz]' THEN 1 ELSE 0 END);
        ELSIF kind = 'nir' AND bare ~ '^[0-9]{15}$' OR kind = 'cpf' AND bare ~ '^[0-9]{11}$' THEN
            checks := 2;
        END IF;
        first := least(first, size - checks);
        payload := left(bare, size - checks);
        turned := left(payload, first) || pg_temp.permuted(substr(payload, first + 1), salt);
        IF checks = 1 AND kind <> 'dni' THEN
            turned := turned || pg_temp.checked(right(bare, 1)::int, pg_temp.check_number(kind, payload),
                pg_temp.check_number(kind, turned), 0, 10);
        ELSIF kind = 'dni' AND checks = 1 THEN
            place := pg_temp.checked(strpos(letters, upper(right(bare, 1))) - 1,
                pg_temp.check_number(kind, translate(payload, 'xyz', '012')),
                pg_temp.check_number(kind, translate(turned, 'xyz', '012')), 0, 23);
            turned := turned || CASE WHEN place < 0 THEN right(bare, 1)
                ELSE lower(substr(letters, place + 1, 1)) END;
        ELSIF kind = 'nir' AND checks = 2 THEN
            turned := turned || lpad(pg_temp.checked(right(bare, 2)::int, pg_temp.check_number(kind, payload),
                pg_temp.check_number(kind, turned), 1, 97)::text, 2, '0');
        ELSIF checks = 2 THEN
            turned := turned || pg_temp.checked(substr(bare, 10, 1)::int, pg_temp.check_number(kind, payload),
                pg_temp.check_number(kind, turned), 0, 10);
            turned := turned || pg_temp.checked(right(bare, 1)::int,
                pg_temp.check_number(kind, left(bare, 10)), pg_temp.check_number(kind, turned), 0, 10);
        END IF;
    END IF;
    place := 0;
    FOR spot IN 1..length(whole) LOOP
        letter := substr(whole, spot, 1);
        IF substr(even, spot, 1) ~ '[0-9a-z]' THEN
            place := place + 1;
            letter := CASE WHEN spot <= kept THEN letter WHEN letter ~ '[A-Z]' THEN upper(substr(turned, place, 1))
                ELSE substr(turned, place, 1) END;
        END IF;
        result := result || letter;
    END LOOP;
    RETURN result || substr(value, length(whole) + 1);
END $$;

-- A value in characters for private use, which no other value has, and back.
CREATE FUNCTION pg_temp.plain_characters() RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$ SELECT '0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ' $$;
CREATE FUNCTION pg_temp.private_characters() RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$ SELECT string_agg(chr(57344 + n), '' ORDER BY n) FROM generate_series(0, 61) AS n $$;
CREATE FUNCTION pg_temp.aside(value text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$ SELECT translate(value, pg_temp.plain_characters(), pg_temp.private_characters()) $$;
CREATE FUNCTION pg_temp.put_back(value text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$ SELECT translate(value, pg_temp.private_characters(), pg_temp.plain_characters()) $$;
CREATE FUNCTION pg_temp.is_aside(value text) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$ SELECT pg_temp.put_back(value) COLLATE "C" <> value COLLATE "C" $$;
