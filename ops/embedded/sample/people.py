"""The shop's people: customers with their addresses and cards, and employees."""

import hashlib
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

from ops.embedded.sample.source import SampleSource

CUSTOMERS = 2_400
EMPLOYEES = 40
JOBS = {
    "support agent": 34_000,
    "warehouse clerk": 31_000,
    "buyer": 46_000,
    "developer": 68_000,
    "accountant": 52_000,
}
CHANNELS = ("email", "sms", "push", "post")
TAGS = ("vip", "wholesale", "newsletter", "returns-often", "birthday-club")


class Customer(NamedTuple):
    """A row of `customers`."""

    id: int
    first_name: str
    last_name: str
    email: str
    phone: str | None
    birth_date: date | None
    locale: str
    password_hash: str
    marketing: dict[str, Any]
    tags: tuple[str, ...]
    created_at: datetime
    updated_at: datetime

    @property
    def name(self) -> str:
        return f"{self.first_name} {self.last_name}"


class Address(NamedTuple):
    """A row of `addresses`."""

    id: int
    customer_id: int
    kind: str
    recipient: str
    street: str
    postal_code: str
    city: str
    country: str
    latitude: str
    longitude: str


class PaymentMethod(NamedTuple):
    """A row of `payment_methods`."""

    id: int
    customer_id: int
    card_holder: str
    card_number: str
    fingerprint: str
    expiry_month: int
    expiry_year: int
    created_at: datetime


class Employee(NamedTuple):
    """A row of `employees`."""

    id: int
    first_name: str
    last_name: str
    email: str
    phone: str
    job: str
    manager_id: int | None
    salary: int
    password_hash: str
    hired_on: date


def customers(source: SampleSource) -> list[Customer]:
    """Return all customers; the one with a given ID is `customers(…)[id - 1]`."""
    return [_customer(source, number) for number in range(1, CUSTOMERS + 1)]


def _customer(source: SampleSource, number: int) -> Customer:
    locale = source.locale()
    faker = source.faker(locale)
    first, last = faker.first_name(), faker.last_name()
    email = source.email(first, last, number)
    created = source.moment()
    return Customer(
        number,
        first,
        last,
        email,
        faker.phone_number() if source.chance(0.9) else None,
        source.birth_date() if source.chance(0.85) else None,
        locale,
        source.password_hash(),
        _marketing(source, first, email),
        tuple(tag for tag in TAGS if source.chance(0.15)),
        created,
        source.moment(created),
    )


def _marketing(source: SampleSource, first: str, email: str) -> dict[str, Any]:
    marketing: dict[str, Any] = {
        "consent": source.chance(0.7),
        "contact": {"email": email, "channels": [channel for channel in CHANNELS if source.chance(0.4)]},
        "score": source.random.randrange(100),
    }
    if source.chance(0.3):
        marketing["nickname"] = f"{first}{source.random.randrange(10, 100)}"
    return marketing


def addresses(source: SampleSource, customers: Sequence[Customer]) -> list[Address]:
    """Return a home address for every customer, and a work address for some."""
    places = [(customer, "home") for customer in customers]
    places += [(customer, "work") for customer in customers if source.chance(0.25)]
    return [_address(source, number, *place) for number, place in enumerate(places, 1)]


def _address(source: SampleSource, number: int, customer: Customer, kind: str) -> Address:
    faker = source.faker(customer.locale)
    return Address(
        number,
        customer.id,
        kind,
        customer.name,
        faker.street_address(),
        faker.postcode(),
        faker.city(),
        customer.locale[-2:],
        f"{source.random.uniform(36, 60):.5f}",
        f"{source.random.uniform(-9, 24):.5f}",
    )


def payment_methods(source: SampleSource, customers: Sequence[Customer]) -> list[PaymentMethod]:
    """Return a card for every customer and a second one for some; customer n has the n-th card."""
    holders = [*customers, *(customer for customer in customers if source.chance(0.15))]
    return [_payment_method(source, number, holder) for number, holder in enumerate(holders, 1)]


def _payment_method(source: SampleSource, number: int, holder: Customer) -> PaymentMethod:
    card = source.faker().credit_card_number(source.random.choice(("visa16", "mastercard", "amex")))
    return PaymentMethod(
        number,
        holder.id,
        holder.name.upper(),
        card,
        hashlib.sha256(card.encode()).hexdigest(),
        source.random.randint(1, 12),
        source.random.randint(2026, 2031),
        source.moment(holder.created_at),
    )


def employees(source: SampleSource) -> list[Employee]:
    """Return all employees; the first manages the others."""
    return [_employee(source, number) for number in range(1, EMPLOYEES + 1)]


def _employee(source: SampleSource, number: int) -> Employee:
    faker = source.faker("en_GB")
    first, last = faker.first_name(), faker.last_name()
    job = source.random.choice(list(JOBS))
    return Employee(
        number,
        first,
        last,
        f"{first}.{last}.{number}@shop.example".lower(),
        faker.phone_number(),
        "director" if number == 1 else job,
        None if number == 1 else 1,
        JOBS[job] + 100 * source.random.randrange(150),
        source.password_hash(),
        date(2022, 1, 1) + timedelta(days=source.random.randrange(1_500)),
    )
