//! The node's schema registry: where it listens, if it is turned on. What it answers is the listener crate's.

use tokio::net::TcpListener;

use super::bind;
use crate::cli::failure::Failure;
use crate::config::Config;

/// A schema registry that is bound and not served yet.
pub struct SchemaRegistry {
    /// Where its clients connect.
    pub listener: TcpListener,
    /// The same in words.
    pub address: String,
}

impl SchemaRegistry {
    /// Binds it; `None` when the setting is empty.
    pub async fn bind(config: &Config) -> Result<Option<SchemaRegistry>, Failure> {
        let listen = config.text("registry.listen");
        if listen.is_empty() {
            return Ok(None);
        }
        let listener = bind("registry.listen", listen).await?;
        let address = listener.local_addr().map_or_else(|_| listen.to_owned(), |address| address.to_string());
        Ok(Some(SchemaRegistry { listener, address }))
    }
}
