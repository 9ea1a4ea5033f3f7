"""Decisions of the order: a state and a command in, an event out; nothing else is needed."""

import unittest

import orders

PLACED = {"customer": "Ada", "item": "lamp", "price": 4900, "status": "PLACED"}
PAID = PLACED | {"status": "PAID"}


class Decisions(unittest.TestCase):
    def test_a_paid_order_is_shipped(self):
        self.assertEqual(orders.ship({"parcel": "P7"}, PAID), ("OrderShipped", {"parcel": "P7"}))

    def test_an_unpaid_order_is_not_shipped(self):
        event, fields = orders.ship({"parcel": "P7"}, PLACED)
        self.assertEqual((event, fields["reason"]), ("OrderRefused", "only a paid order is shipped"))

    def test_what_was_never_placed_cannot_be_shipped(self):
        event, _ = orders.ship({"parcel": "P7"}, None)
        self.assertEqual(event, "OrderRefused")


if __name__ == "__main__":
    unittest.main()
