"""The bank's account: decisions and evolution, as in ../../bank-python, without Flask and fastavro."""

from bank_schemas import SCHEMAS

ENTITY = "bank.Account"
SDK = "bank-wasm-python/1"
REJECTIONS = [
    "AccountOpeningRejected",
    "DepositRejected",
    "WithdrawalRejected",
    "TransferRejected",
    "AccountClosingRejected",
]


def unusable(account):
    if account is None:
        return "no such account"
    return "the account is closed" if account["closed"] else None


def unpayable(account, amount):
    if amount <= 0:
        return "the amount must be above zero"
    return unusable(account) or ("insufficient funds" if account["balance"] < amount else None)


def open_account(command, account):
    if account is not None:
        return "AccountOpeningRejected", {"reason": "the account exists"}
    return "AccountOpened", command


def receive_deposit(command, account):
    amount = command["amount"]
    reason = unusable(account) if amount > 0 else "the amount must be above zero"
    if reason is None and account["balance"] + amount >= 2**63:
        reason = "the balance would be too large"
    if reason:
        return "DepositRejected", {"amount": amount, "reason": reason}
    return "DepositReceived", command


def withdraw_cash(command, account):
    if reason := unpayable(account, command["amount"]):
        return "WithdrawalRejected", {"amount": command["amount"], "reason": reason}
    return "CashWithdrawn", command


def transfer_out(command, account):
    if reason := unpayable(account, command["amount"]):
        return "TransferRejected", {"amount": command["amount"], "to": command["to"], "reason": reason}
    return "TransferSent", command


def close_account(command, account):
    reason = unusable(account) or ("the account is not empty" if account["balance"] else None)
    if reason:
        return "AccountClosingRejected", {"reason": reason}
    return "AccountClosed", {}


def on_opened(event, account):
    return {"owner": event["owner"], "currency": event["currency"], "balance": 0, "deposits": 0, "closed": False}


def on_deposit(event, account):
    deposits = min(account["deposits"] + 1, 2**31 - 1)
    return account | {"balance": account["balance"] + event["amount"], "deposits": deposits}


def on_payment(event, account):
    return account | {"balance": account["balance"] - event["amount"]}


def on_closed(event, account):
    return account | {"closed": True}


HANDLE = {
    "bank.OpenAccount": (open_account, ["AccountOpened", "AccountOpeningRejected"]),
    "bank.ReceiveDeposit": (receive_deposit, ["DepositReceived", "DepositRejected"]),
    "bank.WithdrawCash": (withdraw_cash, ["CashWithdrawn", "WithdrawalRejected"]),
    "bank.TransferOut": (transfer_out, ["TransferSent", "TransferRejected"]),
    "bank.CloseAccount": (close_account, ["AccountClosed", "AccountClosingRejected"]),
}
APPLY = {
    "bank.AccountOpened": on_opened,
    "bank.DepositReceived": on_deposit,
    "bank.CashWithdrawn": on_payment,
    "bank.TransferSent": on_payment,
    "bank.AccountClosed": on_closed,
}
