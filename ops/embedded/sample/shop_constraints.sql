-- The shop after its rows: sequences, constraints, indexes, triggers, views, and statistics.
-- The rows have explicit IDs: continue each sequence after the highest.
DO $$
DECLARE
    counted regclass;
BEGIN
    FOR counted IN SELECT attrelid FROM pg_attribute WHERE attname = 'id' AND attidentity <> '' LOOP
        EXECUTE format('SELECT setval(pg_get_serial_sequence(%L, ''id''), max(id)) FROM %s', counted, counted);
    END LOOP;
END $$;

ALTER TABLE customers ADD CHECK (email LIKE '%_@_%'), ADD CHECK (birth_date > '1900-01-01');
CREATE UNIQUE INDEX customers_email_key ON customers (lower(email));
CREATE INDEX customers_name_idx ON customers (last_name, first_name);
CREATE INDEX customers_search_idx ON customers USING gin (search);

ALTER TABLE addresses
    ADD UNIQUE (customer_id, kind),
    ADD CHECK (kind IN ('home', 'work')),
    ADD FOREIGN KEY (customer_id) REFERENCES customers ON DELETE CASCADE;

ALTER TABLE payment_methods
    ADD UNIQUE (card_number),
    ADD UNIQUE (fingerprint),
    ADD CHECK (card_number ~ '^[0-9]{12,19}$'),
    ADD CHECK (expiry_month BETWEEN 1 AND 12),
    ADD FOREIGN KEY (customer_id) REFERENCES customers ON DELETE CASCADE;
CREATE INDEX payment_methods_customer_idx ON payment_methods (customer_id);

ALTER TABLE employees
    ADD UNIQUE (email),
    ADD CHECK (salary > 0),
    ADD FOREIGN KEY (manager_id) REFERENCES employees;

ALTER TABLE categories ADD UNIQUE (name), ADD FOREIGN KEY (parent_id) REFERENCES categories;

ALTER TABLE products
    ADD UNIQUE (sku),
    ADD CHECK (price > 0),
    ADD CHECK (stock >= 0),
    ADD FOREIGN KEY (category_id) REFERENCES categories;

ALTER TABLE orders
    ADD UNIQUE (number),
    ADD FOREIGN KEY (customer_id) REFERENCES customers,
    ADD FOREIGN KEY (address_id) REFERENCES addresses;
CREATE INDEX orders_customer_idx ON orders (customer_id, ordered_at);

ALTER TABLE order_items
    ADD CHECK (quantity > 0),
    ADD FOREIGN KEY (order_id) REFERENCES orders ON DELETE CASCADE,
    ADD FOREIGN KEY (product_id) REFERENCES products;
CREATE INDEX order_items_product_idx ON order_items (product_id);

ALTER TABLE payments
    ADD UNIQUE (order_id),
    ADD UNIQUE (reference),
    ADD CHECK (amount > 0),
    ADD FOREIGN KEY (order_id) REFERENCES orders,
    ADD FOREIGN KEY (payment_method_id) REFERENCES payment_methods;

ALTER TABLE reviews
    ADD UNIQUE (product_id, customer_id),
    ADD CHECK (stars BETWEEN 1 AND 5),
    ADD FOREIGN KEY (product_id) REFERENCES products,
    ADD FOREIGN KEY (customer_id) REFERENCES customers;

ALTER TABLE support_tickets
    ADD FOREIGN KEY (customer_id) REFERENCES customers,
    ADD FOREIGN KEY (order_id) REFERENCES orders,
    ADD FOREIGN KEY (assignee_id) REFERENCES employees;

ALTER TABLE newsletter_subscriptions ADD UNIQUE (email);

ALTER TABLE audit_log ADD FOREIGN KEY (customer_id) REFERENCES customers ON DELETE SET NULL;
CREATE INDEX audit_log_details_idx ON audit_log USING gin (details jsonb_path_ops);

CREATE FUNCTION touch_updated_at() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.updated_at := now();
    RETURN NEW;
END $$;
CREATE TRIGGER customers_touch BEFORE UPDATE ON customers
    FOR EACH ROW EXECUTE FUNCTION touch_updated_at();
CREATE TRIGGER orders_touch BEFORE UPDATE ON orders
    FOR EACH ROW EXECUTE FUNCTION touch_updated_at();

CREATE FUNCTION log_contact_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO audit_log (customer_id, action, details) VALUES (NEW.id, 'contact_changed', jsonb_build_object(
        'before', jsonb_build_object('email', OLD.email, 'phone', OLD.phone),
        'after', jsonb_build_object('email', NEW.email, 'phone', NEW.phone)));
    RETURN NULL;
END $$;
CREATE TRIGGER customers_audit AFTER UPDATE OF email, phone ON customers
    FOR EACH ROW EXECUTE FUNCTION log_contact_change();

CREATE VIEW customer_directory AS
    SELECT c.id, c.first_name || ' ' || c.last_name AS name, c.email, c.phone, a.street, a.postal_code, a.city, a.country
    FROM customers c LEFT JOIN addresses a ON a.customer_id = c.id AND a.kind = 'home';

CREATE VIEW order_totals AS
    SELECT o.id AS order_id, o.number, o.customer_id, o.status, o.ordered_at, sum(i.quantity * i.unit_price) AS total
    FROM orders o JOIN order_items i ON i.order_id = o.id GROUP BY o.id;

CREATE MATERIALIZED VIEW best_customers AS
    SELECT c.id, c.first_name || ' ' || c.last_name AS name, c.email, sum(t.total) AS spent
    FROM customers c JOIN order_totals t ON t.customer_id = c.id
    GROUP BY c.id ORDER BY spent DESC LIMIT 100;
CREATE UNIQUE INDEX best_customers_key ON best_customers (id);

ANALYZE customers, addresses, payment_methods, employees, categories, products, orders, order_items, payments,
    reviews, support_tickets, newsletter_subscriptions, audit_log, best_customers;
