//! The bank's account: what can be asked of it, what can happen to it, and the two pure functions between.
//!
//! The records are those of `../schemas`; the resources in `../resources` are the truth about them.

use evento_sdk::{ApplyContext, Context, Events, Failure, one};

evento_sdk::record! {
    /// A customer's account.
    pub struct Account("bank.Account") {
        owner: String,
        currency: String,
        /// In minor units, never negative.
        balance: i64,
        deposits: i32 = 0,
        closed: bool = false,
    }

    /// Open an account.
    pub struct OpenAccount("bank.OpenAccount") { owner: String, currency: String = "EUR" }
    /// Take money in.
    pub struct ReceiveDeposit("bank.ReceiveDeposit") { amount: i64, reference: String = "" }
    /// Pay cash out.
    pub struct WithdrawCash("bank.WithdrawCash") { amount: i64, reference: String = "" }
    /// Send money to another account.
    pub struct TransferOut("bank.TransferOut") { amount: i64, to: String, reference: String = "" }
    /// Close an account that is empty.
    pub struct CloseAccount("bank.CloseAccount") {}

    /// An account was opened.
    pub struct AccountOpened("bank.AccountOpened") { owner: String, currency: String }
    /// The account was open already.
    pub struct AccountOpeningRejected("bank.AccountOpeningRejected") { reason: String }
    /// Money came in.
    pub struct DepositReceived("bank.DepositReceived") { amount: i64, reference: String }
    /// Money was not taken.
    pub struct DepositRejected("bank.DepositRejected") { amount: i64, reason: String }
    /// Cash was paid out.
    pub struct CashWithdrawn("bank.CashWithdrawn") { amount: i64, reference: String }
    /// Cash was not paid out.
    pub struct WithdrawalRejected("bank.WithdrawalRejected") { amount: i64, reason: String }
    /// Money was sent to another account.
    pub struct TransferSent("bank.TransferSent") { amount: i64, to: String, reference: String }
    /// Money was not sent.
    pub struct TransferRejected("bank.TransferRejected") { amount: i64, to: String, reason: String }
    /// The account was closed.
    pub struct AccountClosed("bank.AccountClosed") {}
    /// The account was not closed.
    pub struct AccountClosingRejected("bank.AccountClosingRejected") { reason: String }
}

evento_sdk::entity! {
    pub trait AccountFunction, host AccountHost, for Account, state version 1;
    handle {
        open_account: OpenAccount => OpenAccountResult { AccountOpened, AccountOpeningRejected },
        receive_deposit: ReceiveDeposit => ReceiveDepositResult { DepositReceived, DepositRejected },
        withdraw_cash: WithdrawCash => WithdrawCashResult { CashWithdrawn, WithdrawalRejected },
        transfer_out: TransferOut => TransferOutResult { TransferSent, TransferRejected },
        close_account: CloseAccount => CloseAccountResult { AccountClosed, AccountClosingRejected },
    }
    apply {
        on_account_opened: AccountOpened,
        on_deposit_received: DepositReceived,
        on_cash_withdrawn: CashWithdrawn,
        on_transfer_sent: TransferSent,
        on_account_closed: AccountClosed,
    }
    rejections {
        AccountOpeningRejected, DepositRejected, WithdrawalRejected, TransferRejected, AccountClosingRejected,
    }
}

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
    fn open_account(
        &self,
        c: OpenAccount,
        a: Option<&Account>,
        _: &Context,
    ) -> Result<Events<OpenAccountResult>, Failure> {
        match a {
            Some(_) => one(AccountOpeningRejected { reason: "the account exists".to_owned() }),
            None => one(AccountOpened { owner: c.owner, currency: c.currency }),
        }
    }

    fn receive_deposit(
        &self,
        c: ReceiveDeposit,
        a: Option<&Account>,
        _: &Context,
    ) -> Result<Events<ReceiveDepositResult>, Failure> {
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

    fn withdraw_cash(
        &self,
        c: WithdrawCash,
        a: Option<&Account>,
        _: &Context,
    ) -> Result<Events<WithdrawCashResult>, Failure> {
        let amount = c.amount;
        match unpayable(a, amount) {
            Some(reason) => one(WithdrawalRejected { amount, reason }),
            None => one(CashWithdrawn { amount, reference: c.reference }),
        }
    }

    fn transfer_out(
        &self,
        c: TransferOut,
        a: Option<&Account>,
        _: &Context,
    ) -> Result<Events<TransferOutResult>, Failure> {
        let TransferOut { amount, to, reference } = c;
        match unpayable(a, amount) {
            Some(reason) => one(TransferRejected { amount, to, reason }),
            None => one(TransferSent { amount, to, reference }),
        }
    }

    fn close_account(
        &self,
        _: CloseAccount,
        a: Option<&Account>,
        _: &Context,
    ) -> Result<Events<CloseAccountResult>, Failure> {
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
