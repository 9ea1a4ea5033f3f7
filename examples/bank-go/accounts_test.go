// The rules of the account as given-when-then; no server is needed.

package main

import (
	"math"
	"testing"

	"evento.dev/sdk/go/eventotest"

	"accounts/bank"
)

func opened(t *testing.T, balance int64) *eventotest.Test {
	account := bank.AccountOpened{Owner: "Ada", Currency: "EUR"}
	if balance == 0 {
		return eventotest.Given(t, bank.NewAccountFunction(Accounts{}), account)
	}
	deposit := bank.DepositReceived{Amount: balance, Reference: "x"}
	return eventotest.Given(t, bank.NewAccountFunction(Accounts{}), account, deposit)
}

func TestAnAccountIsOpenedOnce(t *testing.T) {
	eventotest.Given(t, bank.NewAccountFunction(Accounts{})).
		When(bank.OpenAccount{Owner: "Ada", Currency: "EUR"}).
		Then(bank.AccountOpened{Owner: "Ada", Currency: "EUR"}).
		ThenState(bank.Account{Owner: "Ada", Currency: "EUR"})
	opened(t, 0).When(bank.OpenAccount{Owner: "Eve", Currency: "EUR"}).
		ThenRejected(bank.AccountOpeningRejected{Reason: "the account exists"}).Unchanged()
}

func TestMoneyGoesInAndOutAsFarAsItIsThere(t *testing.T) {
	opened(t, 100).When(bank.ReceiveDeposit{Amount: 20, Reference: "rent"}).
		Then(bank.DepositReceived{Amount: 20, Reference: "rent"}).
		ThenState(bank.Account{Owner: "Ada", Currency: "EUR", Balance: 120, Deposits: 2})
	opened(t, 100).When(bank.WithdrawCash{Amount: 100}).Then(bank.CashWithdrawn{Amount: 100})
	opened(t, 100).When(bank.WithdrawCash{Amount: 101}).
		ThenRejected(bank.WithdrawalRejected{Amount: 101, Reason: "insufficient funds"}).Unchanged()
	opened(t, 100).When(bank.TransferOut{Amount: 500, To: "bob"}).
		ThenRejected(bank.TransferRejected{Amount: 500, To: "bob", Reason: "insufficient funds"}).Unchanged()
}

func TestABalanceNeverOverflows(t *testing.T) {
	opened(t, math.MaxInt64).When(bank.ReceiveDeposit{Amount: 1}).
		ThenRejected(bank.DepositRejected{Amount: 1, Reason: "the balance would be too large"}).Unchanged()
}

func TestOnlyAnEmptyAccountIsClosedAndThenNothingMoves(t *testing.T) {
	opened(t, 1).When(bank.CloseAccount{}).
		ThenRejected(bank.AccountClosingRejected{Reason: "the account is not empty"}).Unchanged()
	opened(t, 0).When(bank.CloseAccount{}).
		ThenState(bank.Account{Owner: "Ada", Currency: "EUR", Closed: true})
	eventotest.GivenState(t, bank.NewAccountFunction(Accounts{}), bank.Account{Owner: "Ada", Closed: true}).
		When(bank.ReceiveDeposit{Amount: 1}).
		ThenRejected(bank.DepositRejected{Amount: 1, Reason: "the account is closed"}).Unchanged()
	eventotest.Given(t, bank.NewAccountFunction(Accounts{})).When(bank.ReceiveDeposit{Amount: 1}).
		ThenRejected(bank.DepositRejected{Amount: 1, Reason: "no such account"}).ThenState(nil)
}
