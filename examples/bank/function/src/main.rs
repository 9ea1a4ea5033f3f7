//! Serves the bank's account. What it decides is in `account`.

use bank_function::{AccountHost, Accounts};

fn main() -> Result<(), evento_sdk::ServeError> {
    evento_sdk::serve(AccountHost(Accounts))
}
