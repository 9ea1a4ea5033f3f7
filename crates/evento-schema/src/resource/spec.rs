//! What each kind of resource says: typed, with every default filled in.

use std::collections::BTreeMap;

use evento_model::{Digest, FullName, OnPark, ResourceName, RetryPolicy};
use serde_json::Value;

use super::Kind;
use super::schema::TypeSchema;
use crate::avro::Schema;

/// The `spec` of a resource.
#[derive(Clone, Debug)]
pub enum Spec {
    /// Of an Entity.
    Entity(EntitySpec),
    /// Of a Command.
    Command(CommandSpec),
    /// Of an Event.
    Event(EventSpec),
    /// Of a Function; boxed because it is far larger than the others.
    Function(Box<FunctionSpec>),
}

/// A class of business objects.
#[derive(Clone, Debug)]
pub struct EntitySpec {
    /// Schema of its state.
    pub schema: TypeSchema,
    /// Partitions of each of its topics; default 12, never changes.
    pub partitions: u32,
    /// Whether an instance goes on when one of its commands is parked.
    pub on_park: OnPark,
    /// How failed commands are tried again.
    pub retry: RetryPolicy,
}

/// An intent that targets one entity.
#[derive(Clone, Debug)]
pub struct CommandSpec {
    /// Its schema.
    pub schema: TypeSchema,
    /// The entity it targets.
    pub entity: ResourceName,
    /// Events it may answer with; at least one.
    pub emits: Vec<ResourceName>,
    /// Deleted with history. Set by Evento, never by a person.
    pub retired: bool,
}

/// Something that can happen to an entity.
#[derive(Clone, Debug)]
pub struct EventSpec {
    /// Its schema.
    pub schema: TypeSchema,
    /// The entity it happens to.
    pub entity: ResourceName,
    /// Whether it tells that the business said no.
    pub rejection: bool,
    /// What must stay readable for whom.
    pub compatibility: Compatibility,
    /// Deleted with history. Set by Evento, never by a person.
    pub retired: bool,
}

/// What a new version of an event's schema must keep possible.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Compatibility {
    /// The newest schema reads every version.
    #[default]
    Backward,
    /// The newest schema reads every version, and every version reads the newest.
    Full,
}

/// Who decides and evolves.
#[derive(Clone, Debug)]
pub struct FunctionSpec {
    /// Commands it handles; absent: whatever its manifest says.
    pub handles: Option<Vec<ResourceName>>,
    /// Entities whose events it applies; absent: whatever its manifest says.
    pub applies: Option<Vec<ResourceName>>,
    /// How it runs.
    pub runtime: Runtime,
    /// Deadline of one request in milliseconds; absent: the manifest's, else 5,000.
    pub timeout_ms: Option<u64>,
    /// Time it has until ready, in milliseconds.
    pub start_timeout_ms: u64,
    /// Most requests in flight per address; absent: the manifest's, else 8.
    pub concurrency: Option<u32>,
    /// What a new revision must pass before it serves.
    pub gate: Gate,
    /// What happens when apply turns out not to be pure.
    pub purity: Purity,
    /// Framings spoken by a function without discovery: `plain`, `run`; empty when it has discovery.
    pub modes: Vec<String>,
    /// Kubernetes scaling, as written; nothing else reads it.
    pub scale: Option<Value>,
}

/// How a function runs.
#[derive(Clone, Debug)]
pub enum Runtime {
    /// Started by Evento as a process.
    Process(ProcessSpec),
    /// Started as a container, in a cage.
    Container(ContainerSpec),
    /// Started by somebody else and called at an address.
    Url(UrlSpec),
    /// Run in this process, in a cage.
    Wasm(WasmSpec),
}

/// A function started as a process.
#[derive(Clone, Debug)]
pub struct ProcessSpec {
    /// Program and arguments; at least one.
    pub command: Vec<String>,
    /// Folder it runs in: absolute when the file's folder was known, else as written.
    pub working_dir: Option<String>,
    /// Variables added to its environment.
    pub env: BTreeMap<String, String>,
    /// Files and folders whose change means a new revision; relative to the working folder.
    pub watch: Vec<String>,
}

/// A function started as a container.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ContainerSpec {
    /// Where its image comes from.
    pub source: ContainerSource,
    /// What is given to the image's program; empty: what the image says.
    pub args: Vec<String>,
    /// Memory in bytes, 6 MiB to 64 GiB; default 256 MiB. There is no swap.
    pub memory_bytes: u64,
    /// Processor time in thousandths of a core, 10 to 256,000; default 1,000.
    pub cpus_milli: u32,
}

/// The image of a container.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ContainerSource {
    /// It has a name.
    Image {
        /// Name or id.
        name: String,
        /// When it is fetched from its registry.
        pull: ImagePull,
    },
    /// It is built of a folder with a Dockerfile: absolute when the resource file's folder was known, else as written.
    Build(String),
}

/// When an image is fetched from its registry.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum ImagePull {
    /// When it is not on this machine.
    #[default]
    IfNotPresent,
    /// Not at all.
    Never,
    /// At every start.
    Always,
}

/// A WebAssembly module or component.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WasmSpec {
    /// The file: absolute when the resource file's folder was known, else as written.
    pub file: String,
    /// Memory of an instance in bytes, 64 KiB to 1 GiB; default 16 MiB.
    pub memory_bytes: u64,
    /// Whether an instance serves many requests rather than one; default false.
    pub reuse: bool,
}

/// A function called at an address.
#[derive(Clone, Debug)]
pub struct UrlSpec {
    /// `https://…`, `http://…` or `unix:/…`.
    pub address: String,
    /// Its manifest, for a function that does not answer discovery.
    pub manifest: Option<Value>,
    /// How often discovery is repeated, in milliseconds.
    pub rediscover_ms: u64,
    /// PEM text of the authority that signed its certificate.
    pub ca_pem: Option<String>,
    /// Digest of what runs there, if its author says it.
    pub artifact_digest: Option<Digest>,
}

/// What a new revision must pass before it serves.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Gate {
    /// How much history is replayed; absent: `all` in development, `sample` else.
    pub replay: Option<ReplayCheck>,
    /// Instances per entity of a sample; absent: 1,000.
    pub instances: Option<u32>,
    /// Last commands of each entity to decide again; 0 is none.
    pub backtest: u32,
    /// Whether a different decision refuses the revision.
    pub backtest_must_match: bool,
}

/// How much history is replayed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ReplayCheck {
    /// None.
    None,
    /// Some instances.
    Sample,
    /// Every instance.
    All,
}

/// What happens when apply turns out not to be pure.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Purity {
    /// Nothing is committed and the entity waits.
    #[default]
    Refuse,
    /// A warning.
    Warn,
}

impl Spec {
    /// Kind of the resource.
    pub fn kind(&self) -> Kind {
        match self {
            Spec::Entity(_) => Kind::Entity,
            Spec::Command(_) => Kind::Command,
            Spec::Event(_) => Kind::Event,
            Spec::Function(_) => Kind::Function,
        }
    }

    /// Its schema, if the kind has one.
    pub fn type_schema(&self) -> Option<&TypeSchema> {
        match self {
            Spec::Entity(spec) => Some(&spec.schema),
            Spec::Command(spec) => Some(&spec.schema),
            Spec::Event(spec) => Some(&spec.schema),
            Spec::Function(_) => None,
        }
    }

    /// Full name and schema, if the kind has them.
    pub fn named_schema(&self) -> Option<(&FullName, &Schema)> {
        self.type_schema().map(|schema| (&schema.full_name, &schema.schema))
    }
}
