//! Functions as containers: a client of the Docker Engine API over a local socket, and the cage a function runs in.
//!
//! One start, one container, one private folder with one socket. What is asked of the engine is little, so the client
//! is a small one of our own over hyper; Docker and Podman answer the same calls. It knows images, containers and
//! their output, and nothing of manifests, revisions or restarts: those are the supervisor's (in the binary). No
//! container is reachable by anyone but Evento, and none reaches anything. Source: function-protocol 13.2; Docker
//! Engine API 1.41.

mod cage;
mod container;
mod context;
mod engine;
mod error;
mod image;
mod leftovers;
mod output;
mod places;
mod wire;

pub use cage::{Cage, LABEL_FUNCTION, LABEL_IMAGE, LABEL_PROJECT};
pub use container::{Ended, RunningContainer};
pub use engine::{ContainerState, Engine, Image};
pub use error::{EngineError, ErrorKind};
pub use image::{Pull, Source, artifact};
pub use leftovers::{any_left, remove_leftovers};
pub use places::{default_places, places};
