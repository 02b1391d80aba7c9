"""The shop's products, orders, payments, and reviews."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

from ops.embedded.sample.people import Address, Customer, PaymentMethod
from ops.embedded.sample.source import SampleSource

ORDERS = 6_000
REVIEWS = 2_500
PRODUCTS = 420
CATEGORIES = {
    "Kitchen": ("Kettle", "Pan", "Bread knife", "Mixing bowl", "Salt mill"),
    "Living": ("Lamp", "Cushion", "Bookshelf", "Armchair", "Rug"),
    "Garden": ("Watering can", "Bench", "Trowel", "Planter", "Lantern"),
    "Travel": ("Suitcase", "Daypack", "Flask", "Wallet", "Umbrella"),
}
MATERIALS = ("oak", "steel", "linen", "copper", "cork", "enamel", "wool", "bamboo")
STATUSES = {"new": 2, "paid": 6, "shipped": 8, "delivered": 78, "returned": 3, "cancelled": 3}
DELIVERY_NOTES = (
    "Please leave it with the neighbour, signed {name}",
    "Call {phone} before you come",
    "Ring twice at {name}, the bell is broken",
    "Invoice to {email}",
)
REVIEW_BODIES = (
    "Does what it should. The {word} is just right.",
    "Came late and smelled of {word}. Two e-mails from {email} went unanswered.",
    "Bought it for my mother, she loves it. {name}",
    "Smaller than in the picture, but the {word} makes up for it.",
)


class Category(NamedTuple):
    """A row of `categories`."""

    id: int
    parent_id: int | None
    name: str


class Product(NamedTuple):
    """A row of `products`."""

    id: int
    category_id: int
    sku: str
    name: str
    price: Decimal
    stock: int
    attributes: dict[str, Any]


class ShopOrder(NamedTuple):
    """A row of `orders`."""

    id: int
    customer_id: int
    address_id: int
    number: str
    status: str
    delivery_note: str | None
    ip: str
    ordered_at: datetime
    updated_at: datetime


class OrderItem(NamedTuple):
    """A row of `order_items`."""

    order_id: int
    position: int
    product_id: int
    quantity: int
    unit_price: Decimal


class Payment(NamedTuple):
    """A row of `payments`."""

    id: int
    order_id: int
    payment_method_id: int
    amount: Decimal
    reference: str
    gateway_response: dict[str, Any]
    paid_at: datetime


class Review(NamedTuple):
    """A row of `reviews`."""

    id: int
    product_id: int
    customer_id: int
    stars: int
    display_name: str
    body: str
    created_at: datetime


def categories() -> list[Category]:
    """Return the departments, then the categories in each."""
    departments = [Category(number, None, name) for number, name in enumerate(CATEGORIES, 1)]
    kinds = [(parent.id, kind) for parent in departments for kind in CATEGORIES[parent.name]]
    return departments + [Category(number, *kind) for number, kind in enumerate(kinds, len(departments) + 1)]


def products(source: SampleSource) -> list[Product]:
    """Return all products, spread over the categories that have a parent."""
    kinds = [category for category in categories() if category.parent_id]
    return [_product(source, number, kinds[number % len(kinds)]) for number in range(1, PRODUCTS + 1)]


def _product(source: SampleSource, number: int, kind: Category) -> Product:
    material = source.random.choice(MATERIALS)
    return Product(
        number,
        kind.id,
        f"{kind.name[:3].upper()}-{number:05}",
        f"{kind.name}, {material}, no. {number}",
        Decimal(source.random.randrange(490, 29_900, 10)) / 100,
        source.random.randrange(500),
        {"material": material, "weight_g": source.random.randrange(50, 9_000)},
    )


def orders(
    source: SampleSource, addresses: Sequence[Address], customers: Sequence[Customer]
) -> list[ShopOrder]:
    """Return all orders, each to one of its customer's addresses; `orders(…)[id - 1]` has that ID."""
    statuses = source.random.choices(list(STATUSES), list(STATUSES.values()), k=ORDERS)
    picked = source.random.choices(addresses, k=ORDERS)
    return [
        _order(source, number, status, address, customers[address.customer_id - 1])
        for number, (status, address) in enumerate(zip(statuses, picked, strict=True), 1)
    ]


def _order(source: SampleSource, number: int, status: str, address: Address, customer: Customer) -> ShopOrder:
    ordered = source.moment(customer.created_at)
    note = source.random.choice(DELIVERY_NOTES).format(
        name=customer.name, phone=customer.phone or "my office", email=customer.email
    )
    return ShopOrder(
        number,
        customer.id,
        address.id,
        f"S{ordered:%y}-{number:06}",
        status,
        note if source.chance(0.3) else None,
        source.faker().ipv4_public(),
        ordered,
        source.moment(ordered),
    )


def order_items(
    source: SampleSource, orders: Sequence[ShopOrder], products: Sequence[Product]
) -> list[OrderItem]:
    """Return one to four items for every order."""
    return [
        OrderItem(order.id, position, product.id, source.random.choice((1, 1, 1, 2, 3)), product.price)
        for order in orders
        for position, product in enumerate(source.random.sample(products, source.random.randint(1, 4)), 1)
    ]


def payments(
    source: SampleSource,
    orders: Sequence[ShopOrder],
    items: Sequence[OrderItem],
    cards: Sequence[PaymentMethod],
    customers: Sequence[Customer],
) -> list[Payment]:
    """Return one payment for every order that was paid."""
    totals: dict[int, Decimal] = defaultdict(Decimal)
    for item in items:
        totals[item.order_id] += item.quantity * item.unit_price
    paid = [order for order in orders if order.status not in ("new", "cancelled")]
    return [
        _payment(
            source,
            number,
            order,
            totals[order.id],
            cards[order.customer_id - 1],
            customers[order.customer_id - 1],
        )
        for number, order in enumerate(paid, 1)
    ]


def _payment(
    source: SampleSource, number: int, order: ShopOrder, amount: Decimal, card: PaymentMethod, payer: Customer
) -> Payment:
    response = {
        "status": "captured",
        "amount": str(amount),
        "risk": source.random.randrange(100),
        "card": {"holder": card.card_holder, "masked": f"**** {card.card_number[-4:]}"},
        "payer": {"name": payer.name, "email": payer.email, "ip": order.ip},
    }
    reference = f"ch_{source.random.getrandbits(80):020x}"
    return Payment(number, order.id, card.id, amount, reference, response, order.ordered_at)


def reviews(source: SampleSource, products: Sequence[Product], customers: Sequence[Customer]) -> list[Review]:
    """Return reviews; no customer reviews a product twice."""
    picked = source.random.sample([(p, c) for p in products[:40] for c in customers], REVIEWS)
    return [_review(source, number, *pair) for number, pair in enumerate(picked, 1)]


def _review(source: SampleSource, number: int, product: Product, author: Customer) -> Review:
    body = source.random.choice(REVIEW_BODIES)
    return Review(
        number,
        product.id,
        author.id,
        source.random.choice((1, 2, 3, 4, 4, 5, 5, 5)),
        f"{author.first_name} {author.last_name[0]}." if source.chance(0.8) else author.name,
        body.format(word=source.faker().word(), email=author.email, name=author.name),
        source.moment(author.created_at),
    )
