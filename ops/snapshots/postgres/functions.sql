-- Functions of the treatments and the scan, for one session. Nothing persists in the database, and the salt
-- appears in no statement: it is a setting of the session.
\getenv salt SALT
\pset format unaligned
\pset tuples_only on
SELECT set_config('slipway.salt', :'salt', false) \g /dev/null
SET client_min_messages = warning;

CREATE FUNCTION pg_temp.pick(words text[], number bigint) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$ SELECT words[1 + (number % array_length(words, 1))::int] $$;

-- The text in lower case, whatever the locale of the database: MySQL folds the same letters.
SELECT getdatabaseencoding() = 'UTF8' AS slipway_is_utf8 \gset
\if :slipway_is_utf8
CREATE FUNCTION pg_temp.folded(value text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN octet_length(value) = length(value) THEN lower(value COLLATE "C")
        ELSE lower(translate(value,
        'ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÐÑÒÓÔÕÖØÙÚÛÜÝÞĀĂĄĆĈĊČĎĐĒĔĖĘĚĜĞĠĢĤĦĨĪĬĮĲĴĶĹĻĽĿŁŃŅŇŊŌŎŐŒŔŖŘŚŜŞŠŢŤŦŨŪŬŮŰŲŴŶŸŹ'
        'ŻŽƁƂƄƆƇƉƊƋƎƏƐƑƓƔƖƗƘƜƝƟƠƢƤƦƧƩƬƮƯƱƲƳƵƷƸƼǄǅǇǈǊǋǍǏǑǓǕǗǙǛǞǠǢǤǦǨǪǬǮǱǲǴǶǷǸǺǼǾȀȂȄȆȈȊȌȎȐȒȔȖȘȚȜȞȠȢȤȦ'
        'ȨȪȬȮȰȲȺȻȽȾɁɃɄɅɆɈɊɌɎͰͲͶͿΆΈΉΊΌΎΏΑΒΓΔΕΖΗΘΙΚΛΜΝΞΟΠΡΣΤΥΦΧΨΩΪΫϏϘϚϜϞϠϢϤϦϨϪϬϮϴϷϹϺϽϾϿЀЁЂЃЄЅІЇЈЉЊЋЌЍ'
        'ЎЏАБВГДЕЖЗИЙКЛМНОПРСТУФХЦЧШЩЪЫЬЭЮЯѠѢѤѦѨѪѬѮѰѲѴѶѸѺѼѾҀҊҌҎҐҒҔҖҘҚҜҞҠҢҤҦҨҪҬҮҰҲҴҶҸҺҼҾӀӁӃӅӇӉӋӍӐӒӔӖ'
        'ӘӚӜӞӠӢӤӦӨӪӬӮӰӲӴӶӸӺӼӾԀԂԄԆԈԊԌԎԐԒԔԖԘԚԜԞԠԢԤԦԨԪԬԮԱԲԳԴԵԶԷԸԹԺԻԼԽԾԿՀՁՂՃՄՅՆՇՈՉՊՋՌՍՎՏՐՑՒՓՔՕՖḀḂḄḆḈḊḌḎ'
        'ḐḒḔḖḘḚḜḞḠḢḤḦḨḪḬḮḰḲḴḶḸḺḼḾṀṂṄṆṈṊṌṎṐṒṔṖṘṚṜṞṠṢṤṦṨṪṬṮṰṲṴṶṸṺṼṾẀẂẄẆẈẊẌẎẐẒẔẠẢẤẦẨẪẬẮẰẲẴẶẸẺẼẾỀỂỄỆỈỊỌ'
        'ỎỐỒỔỖỘỚỜỞỠỢỤỦỨỪỬỮỰỲỴỶỸỺỼỾİ',
        'àáâãäåæçèéêëìíîïðñòóôõöøùúûüýþāăąćĉċčďđēĕėęěĝğġģĥħĩīĭįĳĵķĺļľŀłńņňŋōŏőœŕŗřśŝşšţťŧũūŭůűųŵŷÿź'
        'żžɓƃƅɔƈɖɗƌǝəɛƒɠɣɩɨƙɯɲɵơƣƥʀƨʃƭʈưʊʋƴƶʒƹƽǆǆǉǉǌǌǎǐǒǔǖǘǚǜǟǡǣǥǧǩǫǭǯǳǳǵƕƿǹǻǽǿȁȃȅȇȉȋȍȏȑȓȕȗșțȝȟƞȣȥȧ'
        'ȩȫȭȯȱȳⱥȼƚⱦɂƀʉʌɇɉɋɍɏͱͳͷϳάέήίόύώαβγδεζηθικλμνξοπρστυφχψωϊϋϗϙϛϝϟϡϣϥϧϩϫϭϯθϸϲϻͻͼͽѐёђѓєѕіїјљњћќѝ'
        'ўџабвгдежзийклмнопрстуфхцчшщъыьэюяѡѣѥѧѩѫѭѯѱѳѵѷѹѻѽѿҁҋҍҏґғҕҗҙқҝҟҡңҥҧҩҫҭүұҳҵҷҹһҽҿӏӂӄӆӈӊӌӎӑӓӕӗ'
        'әӛӝӟӡӣӥӧөӫӭӯӱӳӵӷӹӻӽӿԁԃԅԇԉԋԍԏԑԓԕԗԙԛԝԟԡԣԥԧԩԫԭԯաբգդեզէըթժիլխծկհձղճմյնշոչպջռսվտրցւփքօֆḁḃḅḇḉḋḍḏ'
        'ḑḓḕḗḙḛḝḟḡḣḥḧḩḫḭḯḱḳḵḷḹḻḽḿṁṃṅṇṉṋṍṏṑṓṕṗṙṛṝṟṡṣṥṧṩṫṭṯṱṳṵṷṹṻṽṿẁẃẅẇẉẋẍẏẑẓẕạảấầẩẫậắằẳẵặẹẻẽếềểễệỉịọ'
        'ỏốồổỗộớờởỡợụủứừửữựỳỵỷỹỻỽỿi') COLLATE "C") END
$$;
\else
CREATE FUNCTION pg_temp.folded(value text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$ SELECT lower(value) $$;
\endif

-- ISO/IEC 7812-1: every second digit from the right is doubled.
CREATE FUNCTION pg_temp.luhn(digits text) RETURNS boolean LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    total int := 0;
    digit int;
BEGIN
    FOR place IN 1..length(digits) LOOP
        digit := substr(digits, length(digits) - place + 1, 1)::int;
        IF place % 2 = 0 THEN
            digit := digit * 2;
            digit := digit - CASE WHEN digit > 9 THEN 9 ELSE 0 END;
        END IF;
        total := total + digit;
    END LOOP;
    RETURN total % 10 = 0;
END $$;

-- A card number in the range 400000, which is not issued, with a valid check digit.
CREATE FUNCTION pg_temp.card(number bigint) RETURNS text LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    body bigint := number % 1000000000;
    rest bigint := body;
    total int := 8;  -- the 4 in front, doubled
    digit int;
    doubled boolean := true;
BEGIN
    FOR place IN 1..9 LOOP
        digit := rest % 10;
        rest := rest / 10;
        IF doubled THEN
            digit := digit * 2;
            digit := digit - CASE WHEN digit > 9 THEN 9 ELSE 0 END;
        END IF;
        doubled := NOT doubled;
        total := total + digit;
    END LOOP;
    RETURN '400000' || lpad(body::text, 9, '0') || ((10 - total % 10) % 10)::text;
END $$;

-- ISO 13616: the rearranged number, letters as 10 to 35, is 1 modulo 97.
CREATE FUNCTION pg_temp.iban(value text) RETURNS boolean LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    turned text := substr(value, 5) || left(value, 4);
    remainder int := 0;
    letter text;
BEGIN
    FOREACH letter IN ARRAY regexp_split_to_array(turned, '') LOOP
        IF letter ~ '[0-9]' THEN
            remainder := (remainder * 10 + letter::int) % 97;
        ELSE
            remainder := (remainder * 100 + ascii(letter) - 55) % 97;
        END IF;
    END LOOP;
    RETURN remainder = 1;
END $$;

-- Digests and UUIDs contain digits that can look like card numbers.
CREATE FUNCTION pg_temp.without_digests(value text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT regexp_replace(
        value, '[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}|[0-9A-Fa-f]{32,}', 'x', 'g')
$$;

-- Whether the text contains a valid card number: as a run of digits of any length, and in the common formats,
-- because another number can follow the card number.
CREATE FUNCTION pg_temp.has_card(value text) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT value ~ '[3-6][0-9](?:[ -]?[0-9]){11}' AND EXISTS (
        SELECT FROM unnest(ARRAY[
            '(?<![0-9])[3-6](?:[ -]?[0-9]){12,18}(?![0-9])',
            '(?<![0-9])(?:[3-6][0-9]{12,18}|[3-6][0-9]{3}(?:(?: [0-9]{4}){3}|(?:-[0-9]{4}){3})'
            '|3[0-9]{3}(?: [0-9]{6} [0-9]{5}|-[0-9]{6}-[0-9]{5}))(?![0-9])']) AS pattern,
            regexp_matches(pg_temp.without_digests(value), pattern, 'g') AS found,
            regexp_replace(found[1], '[ -]', '', 'g') AS digits
        WHERE length(digits) BETWEEN 13 AND 19 AND pg_temp.luhn(digits))
$$;

CREATE FUNCTION pg_temp.has_iban(value text) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT value ~ '[A-Z]{2}[0-9]{2}' AND EXISTS (
        SELECT FROM regexp_matches(pg_temp.without_digests(value),
            '\m[A-Z]{2}[0-9]{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\M', 'g') AS found
        WHERE pg_temp.iban(replace(found[1], ' ', '')))
$$;

-- Whether the text contains Base64 (RFC 4648, either alphabet) that decodes to a match of the other pattern,
-- except at the domains of RFC 2606. Only whole groups of four characters are decoded.
CREATE FUNCTION pg_temp.has_base64(value text, encoded text, searched text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT value ~ encoded AND EXISTS (
        SELECT FROM regexp_matches(value, encoded, 'g') AS found,
            translate(found[1], '-_', '+/') AS run,
            encode(decode(left(run, length(run) / 4 * 4), 'base64'), 'escape') AS plain
        WHERE plain ~ searched AND plain !~ '@example\.(com|net|org)')
$$;

-- Whether the text contains an official number with valid check digits: Spain (DNI, NIE), Poland (PESEL), and
-- France (NIR). `ops.snapshots.policy.findings` has the patterns and the sources of the rules.
CREATE FUNCTION pg_temp.has_official_number(value text, spanish text, polish text, french text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT EXISTS (
        SELECT FROM regexp_matches(value, spanish, 'g') AS found, replace(found[1], '-', '') AS id
        WHERE substr('TRWAGMYFPDXBNJZSQVHLCKE', translate(left(id, 8), 'XYZ', '012')::int % 23 + 1, 1) = right(id, 1)
    ) OR EXISTS (
        SELECT FROM regexp_matches(value, polish, 'g') AS found
        WHERE (SELECT sum(substr(found[1], place, 1)::int * substr('13791379131', place, 1)::int)
               FROM generate_series(1, 11) AS place) % 10 = 0
    ) OR EXISTS (
        SELECT FROM regexp_matches(value, french, 'g') AS found
        WHERE left(found[1], 13)::bigint % 97 + right(found[1], 2)::int = 97)
$$;

-- Bytes as a text: in UTF-8 if they are, otherwise with escapes for all but ASCII.
CREATE FUNCTION pg_temp.as_text(value bytea) RETURNS text LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
    RETURN convert_from(value, 'UTF8');
EXCEPTION WHEN character_not_in_repertoire OR untranslatable_character THEN
    RETURN encode(value, 'escape');
END $$;

-- Whether bytes are a text: valid UTF-8 without control characters.
CREATE FUNCTION pg_temp.is_text(value bytea) RETURNS boolean LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
    RETURN convert_from(value, 'UTF8') !~ '[\u0001-\u0008\u000E-\u001F]';
EXCEPTION WHEN character_not_in_repertoire OR untranslatable_character THEN
    RETURN false;
END $$;

-- A JSON document, or NULL for a text that is none.
CREATE FUNCTION pg_temp.as_json(value text) RETURNS jsonb LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
BEGIN
    RETURN value::jsonb;
EXCEPTION WHEN OTHERS THEN
    RETURN NULL;
END $$;
CREATE FUNCTION pg_temp.as_json(value json) RETURNS jsonb LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$ SELECT pg_temp.as_json(value::text) $$;
CREATE FUNCTION pg_temp.as_json(value jsonb) RETURNS jsonb LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$ SELECT value $$;
CREATE FUNCTION pg_temp.as_json(value jsonb[]) RETURNS jsonb LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$ SELECT to_jsonb(value) $$;
CREATE FUNCTION pg_temp.as_json(value json[]) RETURNS jsonb LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$ SELECT to_jsonb(value) $$;

-- A text that begins with a date, moved by days; NULL for any other.
CREATE FUNCTION pg_temp.shifted(value text, days int) RETURNS text LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
    IF value !~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}' THEN
        RETURN NULL;
    END IF;
    RETURN to_char(left(value, 10)::date + days, 'YYYY-MM-DD') || substr(value, 11);
EXCEPTION WHEN OTHERS THEN
    RETURN NULL;
END $$;

-- The tags of a markup, without attributes, texts, comments, and scripts.
CREATE FUNCTION pg_temp.tags(value text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN value IS NOT NULL THEN coalesce((
        SELECT string_agg(found[1] || found[2] || '>', '' ORDER BY place)
        FROM regexp_matches(
            regexp_replace(regexp_replace(regexp_replace(value, '<!--.*?-->', '', 'g'),
                '<!\[CDATA\[.*?\]\]>', '', 'g'),
                '<(script|style)\M[^>]*?>.*?</\1\s*>', '', 'gi'),
            '(</?[A-Za-z][A-Za-z0-9:._-]*)'
            '(?:\s+[^\s=>/"'']+(?:\s*=\s*(?:"[^"]*"|''[^'']*''|[^\s"''=<>`]+))?)*\s*(/?)>',
            'g') WITH ORDINALITY AS m (found, place)), '') END
$$;
