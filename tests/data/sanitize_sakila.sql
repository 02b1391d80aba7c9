-- Takes the people out of a copy of the Sakila sample database: customers, staff, their addresses. Actors are
-- public figures, part of the film catalogue, and stay. For `psql --single-transaction`, as the owner.
UPDATE customer SET
    first_name = 'CUSTOMER',
    last_name = 'NO ' || customer_id,
    email = 'customer-' || customer_id || '@sanitized.invalid';

UPDATE staff SET
    first_name = 'Staff',
    last_name = 'No ' || staff_id,
    email = 'staff-' || staff_id || '@sanitized.invalid',
    username = 'staff-' || staff_id,
    password = '!',
    picture = NULL;

UPDATE address SET
    address = address_id || ' Sample Street',
    address2 = NULL,
    postal_code = '00000',
    phone = '999' || lpad(address_id::text, 8, '0');

ANALYZE customer, staff, address;
