// The account: its rules, one method for each command and each event.

package main

import (
	"math"

	evento "evento.dev/sdk/go"

	"accounts/bank"
)

// Accounts are the account's rules: what can be asked of it, and what becomes of it.
type Accounts struct{}

const notPositive = "the amount must be above zero"

// unusable says why nothing can be done with an account; empty when something can.
func unusable(a *bank.Account) string {
	switch {
	case a == nil:
		return "no such account"
	case a.Closed:
		return "the account is closed"
	}
	return ""
}

// unpayable says why an amount cannot leave an account; empty when it can.
func unpayable(a *bank.Account, amount int64) string {
	if amount <= 0 {
		return notPositive
	}
	if reason := unusable(a); reason != "" {
		return reason
	}
	if a.Balance < amount {
		return "insufficient funds"
	}
	return ""
}

// OpenAccount opens an account once.
func (Accounts) OpenAccount(
	c bank.OpenAccount, a *bank.Account, _ evento.Context,
) (evento.Events[bank.OpenAccountResult], error) {
	if a != nil {
		return bank.OpenAccountEvents(bank.AccountOpeningRejected{Reason: "the account exists"}), nil
	}
	return bank.OpenAccountEvents(bank.AccountOpened{Owner: c.Owner, Currency: c.Currency}), nil
}

// ReceiveDeposit takes money in.
func (Accounts) ReceiveDeposit(
	c bank.ReceiveDeposit, a *bank.Account, _ evento.Context,
) (evento.Events[bank.ReceiveDepositResult], error) {
	reason := unusable(a)
	if c.Amount <= 0 {
		reason = notPositive
	}
	if reason == "" && a.Balance > math.MaxInt64-c.Amount {
		reason = "the balance would be too large"
	}
	if reason != "" {
		return bank.ReceiveDepositEvents(bank.DepositRejected{Amount: c.Amount, Reason: reason}), nil
	}
	return bank.ReceiveDepositEvents(bank.DepositReceived{Amount: c.Amount, Reference: c.Reference}), nil
}

// WithdrawCash pays cash out as far as it is there.
func (Accounts) WithdrawCash(
	c bank.WithdrawCash, a *bank.Account, _ evento.Context,
) (evento.Events[bank.WithdrawCashResult], error) {
	if reason := unpayable(a, c.Amount); reason != "" {
		return bank.WithdrawCashEvents(bank.WithdrawalRejected{Amount: c.Amount, Reason: reason}), nil
	}
	return bank.WithdrawCashEvents(bank.CashWithdrawn{Amount: c.Amount, Reference: c.Reference}), nil
}

// TransferOut sends money as far as it is there.
func (Accounts) TransferOut(
	c bank.TransferOut, a *bank.Account, _ evento.Context,
) (evento.Events[bank.TransferOutResult], error) {
	if reason := unpayable(a, c.Amount); reason != "" {
		return bank.TransferOutEvents(bank.TransferRejected{Amount: c.Amount, To: c.To, Reason: reason}), nil
	}
	return bank.TransferOutEvents(bank.TransferSent{Amount: c.Amount, To: c.To, Reference: c.Reference}), nil
}

// CloseAccount closes an account that is empty.
func (Accounts) CloseAccount(
	_ bank.CloseAccount, a *bank.Account, _ evento.Context,
) (evento.Events[bank.CloseAccountResult], error) {
	reason := unusable(a)
	if reason == "" && a.Balance != 0 {
		reason = "the account is not empty"
	}
	if reason != "" {
		return bank.CloseAccountEvents(bank.AccountClosingRejected{Reason: reason}), nil
	}
	return bank.CloseAccountEvents(bank.AccountClosed{}), nil
}

// OnAccountOpened begins the account.
func (Accounts) OnAccountOpened(e bank.AccountOpened, _ *bank.Account, _ evento.ApplyContext) *bank.Account {
	return &bank.Account{Owner: e.Owner, Currency: e.Currency}
}

// OnDepositReceived adds the money and counts the deposit.
func (Accounts) OnDepositReceived(e bank.DepositReceived, a *bank.Account, _ evento.ApplyContext) *bank.Account {
	if a == nil {
		return nil
	}
	a.Balance += e.Amount
	if a.Deposits < math.MaxInt32 {
		a.Deposits++
	}
	return a
}

// OnCashWithdrawn takes the cash off.
func (Accounts) OnCashWithdrawn(e bank.CashWithdrawn, a *bank.Account, _ evento.ApplyContext) *bank.Account {
	if a != nil {
		a.Balance -= e.Amount
	}
	return a
}

// OnTransferSent takes the money off.
func (Accounts) OnTransferSent(e bank.TransferSent, a *bank.Account, _ evento.ApplyContext) *bank.Account {
	if a != nil {
		a.Balance -= e.Amount
	}
	return a
}

// OnAccountClosed marks the account as closed.
func (Accounts) OnAccountClosed(_ bank.AccountClosed, a *bank.Account, _ evento.ApplyContext) *bank.Account {
	if a != nil {
		a.Closed = true
	}
	return a
}
