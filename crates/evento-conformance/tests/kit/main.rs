//! The kit against functions: the Rust probe keeps every rule, and a hostile function breaks each one in its turn.
//!
//! The programs that the kit starts are this test's own binary: two of its tests are programs, not tests.

mod hostile;
mod http;
mod run;

/// The reference function of the Rust SDK, as a program.
#[test]
#[ignore = "a program that the other tests start"]
fn probe_process() {
    if std::env::var_os("KIT_PROGRAM").is_some() {
        evento_sdk::serve(evento_probe::ProbeHost(evento_probe::Probes)).expect("it serves");
    }
}

/// The same behind a proxy that breaks the rule that `KIT_BREAK` names.
#[test]
#[ignore = "a program that the other tests start"]
fn hostile_process() {
    if std::env::var_os("KIT_PROGRAM").is_some() {
        hostile::serve();
    }
}
