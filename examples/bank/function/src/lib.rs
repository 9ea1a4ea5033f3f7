//! The bank's account: what can be asked of it, what can happen to it, and the two pure functions between.
//!
//! The records and the trait are made of `../schemas` and `../resources` by
//! `evento gen rust --resources ../resources --out src/bank`.

pub mod bank;

use evento_sdk::{ApplyContext, Context, Decision, one};

pub use bank::*;

/// The account's rules.
#[derive(Clone, Copy, Debug)]
pub struct Accounts;

evento_sdk::export!(AccountHost(Accounts));

/// Why nothing can be done with an account, if so.
fn unusable(account: Option<&Account>) -> Option<String> {
    match account {
        None => Some("no such account".to_owned()),
        Some(account) if account.closed => Some("the account is closed".to_owned()),
        Some(_) => None,
    }
}

/// Why an amount cannot leave an account, if so.
fn unpayable(account: Option<&Account>, amount: i64) -> Option<String> {
    if amount <= 0 {
        return Some("the amount must be above zero".to_owned());
    }
    unusable(account)
        .or_else(|| account.is_some_and(|account| account.balance < amount).then(|| "insufficient funds".to_owned()))
}

impl AccountFunction for Accounts {
    fn open_account(&self, c: OpenAccount, a: Option<&Account>, _: &Context) -> Decision<OpenAccountResult> {
        match a {
            Some(_) => one(AccountOpeningRejected { reason: "the account exists".to_owned() }),
            None => one(AccountOpened { owner: c.owner, currency: c.currency }),
        }
    }

    fn receive_deposit(&self, c: ReceiveDeposit, a: Option<&Account>, _: &Context) -> Decision<ReceiveDepositResult> {
        let amount = c.amount;
        let reason = match amount > 0 {
            true => unusable(a),
            false => Some("the amount must be above zero".to_owned()),
        };
        let too_much = a.is_some_and(|account| account.balance.checked_add(amount).is_none());
        match reason.or_else(|| too_much.then(|| "the balance would be too large".to_owned())) {
            Some(reason) => one(DepositRejected { amount, reason }),
            None => one(DepositReceived { amount, reference: c.reference }),
        }
    }

    fn withdraw_cash(&self, c: WithdrawCash, a: Option<&Account>, _: &Context) -> Decision<WithdrawCashResult> {
        let amount = c.amount;
        match unpayable(a, amount) {
            Some(reason) => one(WithdrawalRejected { amount, reason }),
            None => one(CashWithdrawn { amount, reference: c.reference }),
        }
    }

    fn transfer_out(&self, c: TransferOut, a: Option<&Account>, _: &Context) -> Decision<TransferOutResult> {
        let TransferOut { amount, to, reference } = c;
        match unpayable(a, amount) {
            Some(reason) => one(TransferRejected { amount, to, reason }),
            None => one(TransferSent { amount, to, reference }),
        }
    }

    fn close_account(&self, _: CloseAccount, a: Option<&Account>, _: &Context) -> Decision<CloseAccountResult> {
        let left = a.is_some_and(|account| account.balance != 0);
        match unusable(a).or_else(|| left.then(|| "the account is not empty".to_owned())) {
            Some(reason) => one(AccountClosingRejected { reason }),
            None => one(AccountClosed {}),
        }
    }

    fn on_account_opened(&self, e: AccountOpened, _: Option<Account>, _: &ApplyContext) -> Option<Account> {
        Some(Account { owner: e.owner, currency: e.currency, balance: 0, deposits: 0, closed: false })
    }

    fn on_deposit_received(&self, e: DepositReceived, a: Option<Account>, _: &ApplyContext) -> Option<Account> {
        a.map(|a| Account { balance: a.balance + e.amount, deposits: a.deposits.saturating_add(1), ..a })
    }

    fn on_cash_withdrawn(&self, e: CashWithdrawn, a: Option<Account>, _: &ApplyContext) -> Option<Account> {
        a.map(|a| Account { balance: a.balance - e.amount, ..a })
    }

    fn on_transfer_sent(&self, e: TransferSent, a: Option<Account>, _: &ApplyContext) -> Option<Account> {
        a.map(|a| Account { balance: a.balance - e.amount, ..a })
    }

    fn on_account_closed(&self, _: AccountClosed, a: Option<Account>, _: &ApplyContext) -> Option<Account> {
        a.map(|a| Account { closed: true, ..a })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use evento_sdk::testing::{Given, given};

    fn opened(balance: i64) -> Given<AccountHost<Accounts>> {
        let account = given(AccountHost(Accounts)).event(AccountOpened { owner: "Ada".into(), currency: "EUR".into() });
        if balance == 0 { account } else { account.event(DepositReceived { amount: balance, reference: "x".into() }) }
    }

    fn account(balance: i64, deposits: i32) -> Account {
        Account { owner: "Ada".into(), currency: "EUR".into(), balance, deposits, closed: false }
    }

    #[test]
    fn an_account_is_opened_once() {
        given(AccountHost(Accounts))
            .when(OpenAccount { owner: "Ada".into(), currency: "EUR".into() })
            .then(AccountOpened { owner: "Ada".into(), currency: "EUR".into() })
            .nothing_else()
            .then_state(account(0, 0));
        opened(0)
            .when(OpenAccount { owner: "Eve".into(), currency: "EUR".into() })
            .then(AccountOpeningRejected { reason: "the account exists".into() })
            .unchanged();
    }

    #[test]
    fn money_goes_in_and_out_as_far_as_it_is_there() {
        opened(100)
            .when(ReceiveDeposit { amount: 20, reference: "rent".into() })
            .then(DepositReceived { amount: 20, reference: "rent".into() })
            .then_state(account(120, 2));
        opened(100)
            .when(WithdrawCash { amount: 100, reference: String::new() })
            .then(CashWithdrawn { amount: 100, reference: String::new() })
            .then_state(account(0, 1));
        opened(100)
            .when(WithdrawCash { amount: 101, reference: String::new() })
            .then(WithdrawalRejected { amount: 101, reason: "insufficient funds".into() })
            .unchanged();
        opened(100)
            .when(TransferOut { amount: 500, to: "bob".into(), reference: String::new() })
            .then(TransferRejected { amount: 500, to: "bob".into(), reason: "insufficient funds".into() })
            .unchanged();
    }

    #[test]
    fn only_an_empty_account_is_closed_and_then_nothing_moves() {
        opened(1).when(CloseAccount {}).then(AccountClosingRejected { reason: "the account is not empty".into() });
        opened(0).when(CloseAccount {}).then(AccountClosed {});
        opened(0)
            .event(AccountClosed {})
            .when(ReceiveDeposit { amount: 1, reference: String::new() })
            .then(DepositRejected { amount: 1, reason: "the account is closed".into() })
            .unchanged();
        given(AccountHost(Accounts))
            .when(ReceiveDeposit { amount: 1, reference: String::new() })
            .then(DepositRejected { amount: 1, reason: "no such account".into() });
    }
}
