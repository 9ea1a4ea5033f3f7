//! What torture runs on: a small account whose function lives in this program, so that an installed binary needs
//! no project beside it. `evento torture-function` serves it; the judge folds with the same code.

use evento_sdk::{ApplyContext, Context, Decision, Failure, Function, Timestamp, many, one};

pub use super::domain::*;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure as CliFailure;

/// The resources, but for the function's command.
pub const RESOURCES: &str = include_str!("bank.yaml");
/// Full name of the entity.
pub const ENTITY: &str = "torture.Account";

/// The account's rules.
#[derive(Clone, Copy, Debug)]
pub struct Accounts;

fn refused(account: Option<&Account>, amount: i64) -> Option<Refused> {
    let balance = account.map_or(0, |account| account.balance);
    (amount <= 0 || balance < amount).then(|| Refused { reason: format!("{balance} is there") })
}

impl AccountFunction for Accounts {
    fn deposit(&self, c: Deposit, _: Option<&Account>, _: &Context) -> Decision<DepositResult> {
        match c.amount > 0 {
            true => one(Deposited { amount: c.amount, note: c.note }),
            false => one(Refused { reason: "nothing came in".to_owned() }),
        }
    }

    fn withdraw(&self, c: Withdraw, a: Option<&Account>, _: &Context) -> Decision<WithdrawResult> {
        match refused(a, c.amount) {
            Some(refused) => one(refused),
            None => one(Withdrawn { amount: c.amount }),
        }
    }

    fn split(&self, c: Split, a: Option<&Account>, _: &Context) -> Decision<SplitResult> {
        let total = c.amount.saturating_mul(i64::from(c.parts));
        match refused(a, total) {
            Some(refused) => one(refused),
            None => many(
                Withdrawn { amount: c.amount },
                (1..c.parts).map(|_| SplitResult::from(Withdrawn { amount: c.amount })),
            ),
        }
    }

    fn r#break(&self, _: Break, _: Option<&Account>, _: &Context) -> Decision<BreakResult> {
        Err(Failure::retry("it fails by intent"))
    }

    fn on_deposited(&self, e: Deposited, a: Option<Account>, _: &ApplyContext) -> Option<Account> {
        let a = a.unwrap_or(Account { balance: 0, deposits: 0 });
        Some(Account { balance: a.balance.saturating_add(e.amount), deposits: a.deposits + 1 })
    }

    fn on_withdrawn(&self, e: Withdrawn, a: Option<Account>, _: &ApplyContext) -> Option<Account> {
        a.map(|a| Account { balance: a.balance - e.amount, ..a })
    }
}

/// Serves the function, as the process that Evento starts.
pub fn serve() -> Result<Exit, CliFailure> {
    evento_sdk::serve(AccountHost(Accounts))
        .map(|()| Exit::Done)
        .map_err(|error| CliFailure::plain(Exit::Failed, error.to_string()))
}

/// The state after an event; a refusal leaves it as it is.
pub fn fold(id: &str, event: &evento_check::EventView, state: Option<Vec<u8>>) -> Result<Option<Vec<u8>>, String> {
    let host = AccountHost(Accounts);
    if !host.applies(&event.type_name) {
        return Ok(state);
    }
    let context = ApplyContext { entity_id: id.to_owned(), time: Timestamp::from_millis(event.time.0) };
    host.apply(&event.type_name, &event.payload, state.as_deref(), &context)
        .map_err(|failure| format!("event {}: {}", event.seq, failure.title))
}
