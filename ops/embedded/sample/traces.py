"""Personal data in free text and JSON: tickets, newsletter subscriptions, and the audit log."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from ops.embedded.sample.people import Customer, Employee, PaymentMethod
from ops.embedded.sample.source import MAIL_DOMAINS, SampleSource
from ops.embedded.sample.trade import ShopOrder

TICKETS = 1_500
SUBSCRIPTIONS = 1_800
AUDIT_ENTRIES = 5_000
ACTIONS = ("login", "login", "login", "password_reset", "address_changed", "contact_changed", "card_added")
TICKET_NOTES = (
    "{name} called from {phone}: order {order} has not arrived.\nReply to {email}.",
    "Customer read card number {card} to me on the phone. Told {first} never to do that; please delete.",
    "> From: {name} <{email}>\n> The parcel was opened. Call me: {phone}\n\nRefund approved.",
    "Chargeback for {spaced_card}, holder {name}. Bank wants proof of delivery for {order}.",
    "{first} {last} wants the invoice for {order} again, to {email}, and a copy by post.",
    "Cannot sign in as {email}. Reset by hand, new password given to {name} on the phone.",
)
SUBJECTS = ("Where is my order?", "Damaged parcel", "Refund", "Chargeback", "Invoice", "Cannot sign in")


class SupportTicket(NamedTuple):
    """A row of `support_tickets`."""

    id: int
    customer_id: int
    order_id: int | None
    assignee_id: int
    subject: str
    notes: str
    resolved: bool
    opened_at: datetime


class NewsletterSubscription(NamedTuple):
    """A row of `newsletter_subscriptions`."""

    id: int
    email: str
    consent: dict[str, Any]
    subscribed_at: datetime


class AuditEntry(NamedTuple):
    """A row of `audit_log`."""

    id: int
    customer_id: int
    action: str
    ip: str
    details: dict[str, Any]
    happened_at: datetime


def support_tickets(
    source: SampleSource,
    orders: Sequence[ShopOrder],
    customers: Sequence[Customer],
    cards: Sequence[PaymentMethod],
    employees: Sequence[Employee],
) -> list[SupportTicket]:
    """Return tickets about orders, with personal data in the agents' free text."""
    return [
        _ticket(
            source, number, order, customers[order.customer_id - 1], cards[order.customer_id - 1], employees
        )
        for number, order in enumerate(source.random.sample(orders, TICKETS), 1)
    ]


def _ticket(
    source: SampleSource,
    number: int,
    order: ShopOrder,
    customer: Customer,
    card: PaymentMethod,
    employees: Sequence[Employee],
) -> SupportTicket:
    digits = card.card_number
    notes = source.random.choice(TICKET_NOTES).format(
        name=customer.name,
        first=customer.first_name,
        last=customer.last_name,
        email=customer.email,
        phone=customer.phone or "a hidden number",
        order=order.number,
        card=digits,
        spaced_card=" ".join(digits[start : start + 4] for start in range(0, len(digits), 4)),
    )
    return SupportTicket(
        number,
        customer.id,
        order.id if source.chance(0.8) else None,
        source.random.choice(employees).id,
        f"{source.random.choice(SUBJECTS)} ({customer.last_name})",
        notes,
        source.chance(0.85),
        source.moment(order.ordered_at),
    )


def newsletter_subscriptions(
    source: SampleSource, customers: Sequence[Customer]
) -> list[NewsletterSubscription]:
    """Return subscriptions of customers and of as many visitors who never bought anything."""
    known = [customer.email for customer in source.random.sample(customers, SUBSCRIPTIONS // 2)]
    visitors = [
        f"{source.faker().user_name()}{number}@{source.random.choice(MAIL_DOMAINS)}"
        for number in range(SUBSCRIPTIONS // 2)
    ]
    return [_subscription(source, number, email) for number, email in enumerate(known + visitors, 1)]


def _subscription(source: SampleSource, number: int, email: str) -> NewsletterSubscription:
    consent = {
        "email": email,
        "ip": source.faker().ipv4_public(),
        "user_agent": source.faker().chrome(),
        "topics": source.random.sample(("offers", "recipes", "garden", "events"), 2),
        "version": source.random.randint(1, 4),
    }
    return NewsletterSubscription(number, email, consent, source.moment())


def audit_log(source: SampleSource, customers: Sequence[Customer]) -> list[AuditEntry]:
    """Return customers' actions, with the details of browser and form."""
    return [
        _audit_entry(source, number, source.random.choice(customers))
        for number in range(1, AUDIT_ENTRIES + 1)
    ]


def _audit_entry(source: SampleSource, number: int, customer: Customer) -> AuditEntry:
    action = source.random.choice(ACTIONS)
    ip = source.faker().ipv6() if source.chance(0.2) else source.faker().ipv4_public()
    details: dict[str, Any] = {
        "email": customer.email,
        "session": {"ip": ip, "user_agent": source.faker().chrome()},
    }
    if action == "contact_changed":
        details["before"] = {"email": f"old.{customer.email}", "phone": customer.phone}
        details["after"] = {"email": customer.email, "phone": customer.phone}
    return AuditEntry(number, customer.id, action, ip, details, source.moment(customer.created_at))
