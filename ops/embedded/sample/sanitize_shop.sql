-- Takes the people out of a copy of the shop's database and leaves the shop: the same rows, keys, dates, prices.
--
-- Runs in one transaction as the owner of the tables, no superuser and no extension needed:
--     psql --single-transaction -v ON_ERROR_STOP=1 -f sanitize_shop.sql
--
-- What to copy for a database of your own:
--   * One UPDATE per table, for all rows at once. A loop over rows takes hours where this takes seconds.
--   * Make fakes from the primary key. They are the same in every run, so that a tester's bookmark still works
--     tomorrow; a unique column stays unique; and nobody can compute the original from them. A hash of the
--     original does not do that: hashing all card numbers or all phone numbers takes an afternoon.
--   * Build JSON anew from the keys to keep. Removing the keys you know of leaves the one added next month.
--   * Free text is never worth the risk: people write names, numbers and passwords into it. Replace it whole.
--   * Remember where values are kept twice: materialized views, statistics, what triggers write.
--   * An UPDATE leaves the old versions of the rows in the table's files, where a superuser's tools can read them.
--     Only VACUUM FULL rewrites the files, and it cannot run in a transaction, so not in a script like this one.

-- A function in pg_temp is gone when the session ends. It appends the check digit of a card number (Luhn): from
-- the right, every second digit counts double, and the digits of all of that add up to a multiple of ten.
CREATE FUNCTION pg_temp.with_check_digit(payload text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT payload || (10 - sum(CASE WHEN place % 2 = 0 THEN digit ELSE digit * 2 / 10 + digit * 2 % 10 END) % 10) % 10
    FROM (SELECT substr(reverse(payload), place, 1)::integer AS digit, place
          FROM generate_series(1, length(payload)) AS place) AS digits
$$;

-- This trigger copies the old e-mail address and phone number into audit_log whenever they change, so it would
-- write down everything that is being removed. (customers_touch stays on: it only sets updated_at.)
ALTER TABLE customers DISABLE TRIGGER customers_audit;

-- The surnames are invented and the phone prefix +999 is not assigned to any country: no fake can be somebody.
-- Only the year of birth stays, for statistics by age. No password matches the hash '!'. The column "search" is
-- generated, so it follows by itself. Who has no phone still has none: testers need such rows.
UPDATE customers SET
    first_name = (ARRAY['Alba', 'Bodo', 'Cleo', 'Dara', 'Enzo', 'Fay', 'Gil', 'Hope', 'Ivo', 'June'])[1 + id % 10],
    last_name = (ARRAY['Sampleton', 'Testerby', 'Mockford', 'Dummond', 'Fakenham', 'Proxley', 'Stubbins'])[1 + id % 7],
    email = 'customer-' || id || '@sanitized.invalid',
    phone = CASE WHEN phone IS NOT NULL THEN '+999' || lpad(id::text, 8, '0') END,
    birth_date = make_date(extract(year FROM birth_date)::integer, 1, 1),
    password_hash = '!',
    marketing = jsonb_build_object(
        'consent', marketing -> 'consent',
        'score', marketing -> 'score',
        'contact', jsonb_build_object(
            'email', 'customer-' || id || '@sanitized.invalid',
            'channels', marketing #> '{contact,channels}'));

ALTER TABLE customers ENABLE TRIGGER customers_audit;

-- From here on the customers' new names can be used: an UPDATE sees what the ones before it did.
-- City and country stay for reports by region; what leads to the door does not, so neither do the coordinates.
UPDATE addresses SET
    recipient = customers.first_name || ' ' || customers.last_name,
    street = addresses.id || ' Sample Street',
    postal_code = '00000',
    latitude = NULL,
    longitude = NULL
FROM customers WHERE customers.id = addresses.customer_id;

-- 4000 00… is a range that payment gateways use for tests; nine digits of the key make the numbers unique, and
-- they pass the same check as real ones. "last4" is generated from them.
UPDATE payment_methods SET
    card_holder = upper(customers.first_name || ' ' || customers.last_name),
    card_number = pg_temp.with_check_digit('400000' || lpad(payment_methods.id::text, 9, '0')),
    fingerprint = 'sanitized-' || payment_methods.id,
    expiry_month = 12,
    expiry_year = 2030
FROM customers WHERE customers.id = payment_methods.customer_id;

-- The gateway knows its customers by the reference. In the answer only the outcome is of use here.
UPDATE payments SET
    reference = 'sanitized-' || id,
    gateway_response = jsonb_build_object(
        'status', gateway_response -> 'status',
        'amount', gateway_response -> 'amount',
        'risk', gateway_response -> 'risk');

-- Colleagues are people too: what each earns becomes what the job earns on average.
UPDATE employees SET
    first_name = 'Employee',
    last_name = 'No. ' || id,
    email = 'employee-' || id || '@sanitized.invalid',
    phone = '+998' || lpad(id::text, 8, '0'),
    salary = average.salary,
    password_hash = '!',
    hired_on = date_trunc('year', hired_on)::date
FROM (SELECT job, round(avg(salary), -3) AS salary FROM employees GROUP BY job) AS average
WHERE average.job = employees.job;

-- 192.0.2.0/24 is reserved for documentation (RFC 5737).
UPDATE orders SET
    delivery_note = CASE WHEN delivery_note IS NOT NULL THEN 'Delivery note removed' END,
    ip = '192.0.2.0'::inet + id % 256;

UPDATE reviews SET display_name = 'Customer ' || customer_id, body = 'Review removed';

UPDATE support_tickets SET subject = 'Ticket ' || id, notes = 'Notes removed';

UPDATE newsletter_subscriptions SET
    email = 'subscriber-' || id || '@sanitized.invalid',
    consent = jsonb_build_object('topics', consent -> 'topics', 'version', consent -> 'version');

UPDATE audit_log SET
    ip = '192.0.2.0'::inet + (id % 256),
    details = '{}';

-- A materialized view keeps the rows of its last refresh, with the names in them.
REFRESH MATERIALIZED VIEW best_customers;

-- The planner's statistics hold samples of every column: real addresses, to be read in pg_stats. Take new ones.
ANALYZE customers, addresses, payment_methods, employees, payments, orders, reviews, support_tickets,
    newsletter_subscriptions, audit_log, best_customers;
