//! Values of Avro's logical types. Small on purpose: what the codecs and a function's decisions need, no calendar.

mod decimal;
mod time;
mod uuid;

pub use decimal::{Decimal, NotADecimal};
#[cfg(feature = "serve")]
pub(crate) use time::days_of;
pub use time::{Date, Timestamp};
pub use uuid::{NotAUuid, Uuid};
