//! Why no code can be made.

use evento_schema::resource::Finding;

/// Why no code can be made.
#[derive(Clone, Debug, thiserror::Error)]
pub enum GenerateError {
    /// The resources are not right as a set; each finding has its place.
    #[error("the resources do not fit together")]
    Resources(Vec<Finding>),
    /// An entity was asked for by a name that none has.
    #[error("there is no entity {name}")]
    UnknownEntity {
        /// As it was given.
        name: String,
        /// Nearest known names, or all candidates of a name that several have.
        near: Vec<String>,
    },
    /// The resources define no entity.
    #[error("the resources define no entity")]
    NoEntity,
    /// A named type is defined in two ways.
    #[error("{name} is defined in two ways")]
    TwoShapes {
        /// Full name of the type.
        name: String,
    },
    /// An annotation of a resource holds something else than it may.
    #[error("annotation {annotation} of {resource} is {value:?}; {allowed}")]
    Annotation {
        /// The resource.
        resource: String,
        /// The annotation.
        annotation: &'static str,
        /// What it says.
        value: String,
        /// What it may say.
        allowed: &'static str,
    },
    /// The language cannot express something, or an option does not fit.
    #[error("{0}")]
    Unfit(String),
}
