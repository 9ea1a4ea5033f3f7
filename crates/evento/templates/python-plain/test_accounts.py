"""Decisions and evolution of the account: a state and a command in, an event out; nothing else is needed."""

import unittest

import accounts

OPEN = {"owner": "Ada", "currency": "EUR", "balance": 100, "deposits": 1, "closed": False}


class Decisions(unittest.TestCase):
    def test_money_can_be_withdrawn(self):
        command = {"amount": 40, "reference": "rent"}
        self.assertEqual(accounts.withdraw_cash(command, OPEN), ("CashWithdrawn", command))

    def test_an_overdraft_is_rejected(self):
        event, fields = accounts.withdraw_cash({"amount": 500, "reference": ""}, OPEN)
        self.assertEqual((event, fields["reason"]), ("WithdrawalRejected", "insufficient funds"))

    def test_an_account_is_opened_once(self):
        event, _ = accounts.open_account({"owner": "Bob", "currency": "EUR"}, OPEN)
        self.assertEqual(event, "AccountOpeningRejected")


class Evolution(unittest.TestCase):
    def test_a_deposit_raises_the_balance(self):
        after = accounts.on_deposit({"amount": 20, "reference": ""}, OPEN)
        self.assertEqual((after["balance"], after["deposits"]), (120, 2))


if __name__ == "__main__":
    unittest.main()
