//! Taking the addresses a server listens on. Which ones, the configuration says; what is served there, the listeners do.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::time::Instant;

use crate::cli::failure::Failure;
use crate::config::settings::Setting;

/// How long an address may outlive the server that had it.
const LEFT_WITHIN: Duration = Duration::from_secs(2);
/// Pause between two tries.
const PAUSE: Duration = Duration::from_millis(5);

/// Listens at an address of this machine, which a setting names.
pub async fn bind(setting: &str, listen: &str) -> Result<TcpListener, Failure> {
    let local = listen
        .parse::<SocketAddr>()
        .map_or_else(|_| listen.starts_with("localhost:"), |address| address.ip().is_loopback());
    if !local {
        return Err(Failure::new(7002, format!("{setting} is {listen}: only loopback addresses are served"))
            .why("there is neither TLS nor authentication yet")
            .next("listen on 127.0.0.1 and put a proxy with TLS and authentication before it"));
    }
    once_left(listen, LEFT_WITHIN).await.map_err(|error| {
        let flag = Setting::find(setting).and_then(|setting| setting.flag).unwrap_or("listen");
        Failure::new(7003, format!("{listen} cannot be listened on: {error}"))
            .next(format!("choose another address with --{flag}, or free ports with evento dev --random-ports"))
    })
}

/// An address in use is tried again for a while: what a killed server was just starting has copies of its sockets
/// until it becomes another program.
async fn once_left(listen: &str, within: Duration) -> std::io::Result<TcpListener> {
    let until = Instant::now() + within;
    loop {
        match TcpListener::bind(listen).await {
            Err(error) if error.kind() == ErrorKind::AddrInUse && Instant::now() < until => {
                tokio::time::sleep(PAUSE).await;
            }
            listener => return listener,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn taken() -> (TcpListener, String) {
        let former = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = former.local_addr().expect("an address").to_string();
        (former, address)
    }

    #[tokio::test]
    async fn an_address_that_is_left_soon_is_waited_for() {
        let (former, address) = taken().await;
        let waiting = tokio::spawn(async move { once_left(&address, Duration::from_secs(60)).await });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        drop(former);
        assert!(waiting.await.expect("it ends").is_ok());
    }

    #[tokio::test]
    async fn an_address_that_another_program_keeps_is_refused() {
        let (_theirs, address) = taken().await;
        let refused = once_left(&address, Duration::ZERO).await.expect_err("it is taken");
        assert_eq!(refused.kind(), ErrorKind::AddrInUse);
    }
}
