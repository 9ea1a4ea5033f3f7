//! The two macros a function is declared with.

/// Declares an Avro record: a struct, its schema and its codec.
///
/// ```
/// evento_sdk::record! {
///     /// Money came in.
///     pub struct DepositReceived("bank.DepositReceived") {
///         /// In minor units.
///         amount: i64,
///         reference: String = "",
///     }
/// }
/// use evento_sdk::avro::Record;
/// let event = DepositReceived { amount: 120, reference: "rent".into() };
/// assert_eq!(DepositReceived::decode(&event.encode()), Ok(event));
/// ```
#[macro_export]
macro_rules! record {
    ($($(#[$doc:meta])* $vis:vis struct $name:ident($full:literal) {
        $($(#[$field_doc:meta])* $field:ident: $type:ty $(= $default:expr)?),* $(,)?
    })*) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Debug)]
        $vis struct $name {
            $($(#[$field_doc])* #[allow(missing_docs)] pub $field: $type,)*
        }

        impl $crate::avro::Avro for $name {
            fn schema(defined: &mut Vec<&'static str>) -> $crate::serde_json::Value {
                if defined.contains(&$full) {
                    return $crate::serde_json::json!($full);
                }
                defined.push($full);
                let (namespace, name) = $full.rsplit_once('.').unwrap_or(("", $full));
                #[allow(unused_mut)]
                let mut fields: Vec<$crate::serde_json::Value> = Vec::new();
                $({
                    #[allow(unused_mut)]
                    let mut field = $crate::serde_json::json!({
                        "name": stringify!($field),
                        "type": <$type as $crate::avro::Avro>::schema(defined),
                    });
                    $(field["default"] = $crate::serde_json::json!($default);)?
                    fields.push(field);
                })*
                $crate::serde_json::json!({
                    "type": "record", "name": name, "namespace": namespace, "fields": fields,
                })
            }
            #[allow(unused_variables)]
            fn write(&self, out: &mut Vec<u8>) {
                $($crate::avro::Avro::write(&self.$field, out);)*
            }
            #[allow(unused_variables)]
            fn read(reader: &mut $crate::avro::Reader<'_>) -> Result<Self, $crate::avro::Malformed> {
                $(let $field = reader.nested(<$type as $crate::avro::Avro>::read)?;)*
                Ok($name { $($field),* })
            }
        }

        impl $crate::avro::Record for $name {
            const NAME: &'static str = $full;
        }
    )*};
}

/// Declares an entity: one method for each command, one for each event that is applied, and what is a rejection.
///
/// It makes a trait for the author, a result type per command, and a host that [`serve`](crate::serve) and
/// [`testing`](crate::testing) take. A command without method, or an event outside a command's list, does not
/// compile.
///
/// ```
/// # use evento_sdk::{ApplyContext, Context, Events, Failure, one};
/// # evento_sdk::record! {
/// #     pub struct Counter("test.Counter") { total: i64 }
/// #     pub struct Add("test.Add") { amount: i64 }
/// #     pub struct Added("test.Added") { amount: i64 }
/// #     pub struct AddRefused("test.AddRefused") { amount: i64 }
/// # }
/// evento_sdk::entity! {
///     pub trait CounterFunction, host CounterHost, for Counter, state version 1;
///     handle { add: Add => AddResult { Added, AddRefused } }
///     apply { on_added: Added }
///     rejections { AddRefused }
/// }
/// struct Counting;
/// impl CounterFunction for Counting {
///     fn add(&self, c: Add, _: Option<&Counter>, _: &Context) -> Result<Events<AddResult>, Failure> {
///         if c.amount < 0 { one(AddRefused { amount: c.amount }) } else { one(Added { amount: c.amount }) }
///     }
///     fn on_added(&self, e: Added, s: Option<Counter>, _: &ApplyContext) -> Option<Counter> {
///         Some(Counter { total: s.map_or(0, |s| s.total) + e.amount })
///     }
/// }
/// evento_sdk::testing::given(CounterHost(Counting)).event(Added { amount: 1 })
///     .when(Add { amount: 2 }).then(Added { amount: 2 }).then_state(Counter { total: 3 });
/// ```
#[macro_export]
macro_rules! entity {
    (
        $(#[$doc:meta])*
        $vis:vis trait $function:ident, host $host:ident, for $state:ident, state version $version:literal;
        handle { $($handle:ident: $command:ident => $result:ident { $($emitted:ident),+ $(,)? }),* $(,)? }
        apply { $($apply:ident: $applied:ident),* $(,)? }
        rejections { $($rejection:ident),* $(,)? }
    ) => {
        $(
            #[doc = concat!("What `", stringify!($command), "` may answer.")]
            #[derive(Clone, PartialEq, Debug)]
            #[allow(missing_docs)]
            $vis enum $result { $($emitted($emitted)),+ }
            $(impl From<$emitted> for $result {
                fn from(event: $emitted) -> $result { $result::$emitted(event) }
            })+
            impl From<$result> for $crate::Encoded {
                fn from(result: $result) -> $crate::Encoded {
                    match result { $($result::$emitted(event) => $crate::Encoded::of(&event)),+ }
                }
            }
        )*

        $(#[$doc])*
        #[doc = concat!("The two pure functions of `", stringify!($state), "`, one method per command and per event.")]
        $vis trait $function: Send + Sync + 'static {
            $(
                #[doc = concat!("Decides `", stringify!($command), "`.")]
                fn $handle(
                    &self, command: $command, state: Option<&$state>, context: &$crate::Context,
                ) -> Result<$crate::Events<$result>, $crate::Failure>;
            )*
            $(
                #[doc = concat!("The state after `", stringify!($applied), "`.")]
                fn $apply(&self, event: $applied, state: Option<$state>, context: &$crate::ApplyContext) -> Option<$state>;
            )*
        }

        #[doc = concat!("Hosts a `", stringify!($function), "`.")]
        #[derive(Clone, Debug)]
        $vis struct $host<T>(pub T);

        impl<T: $function> $crate::Function for $host<T> {
            fn entity(&self) -> &'static str {
                <$state as $crate::avro::Record>::NAME
            }

            fn manifest(&self) -> $crate::serde_json::Value {
                use $crate::avro::{Avro, Record};
                let mut defined = Vec::new();
                let mut schemas = vec![<$state as Avro>::schema(&mut defined)];
                $(schemas.push(<$command as Avro>::schema(&mut defined));)*
                $($(schemas.push(<$emitted as Avro>::schema(&mut defined));)+)*
                $(schemas.push(<$applied as Avro>::schema(&mut defined));)*
                schemas.retain(|schema| schema.is_object());
                let handles = vec![$($crate::serde_json::json!({
                    "command": <$command as Record>::NAME,
                    "emits": [$(<$emitted as Record>::NAME),+],
                })),*];
                $crate::serde_json::json!({
                    "schemas": schemas,
                    "entities": [{
                        "name": <$state as Record>::NAME,
                        "handles": handles,
                        "applies": [$(<$applied as Record>::NAME),*],
                        "rejections": [$(<$rejection as Record>::NAME),*],
                        "stateVersion": $version,
                    }],
                })
            }

            fn payload_length(
                &self, name: &str, command: bool, body: &[u8],
            ) -> Option<Result<usize, $crate::avro::Malformed>> {
                use $crate::avro::{Avro, Record};
                let mut reader = $crate::avro::Reader::over(body);
                $(if command && name == <$command as Record>::NAME {
                    let read = <$command as Avro>::read(&mut reader);
                    return Some(read.map(|_| body.len() - reader.left()));
                })*
                $(if !command && name == <$applied as Record>::NAME {
                    let read = <$applied as Avro>::read(&mut reader);
                    return Some(read.map(|_| body.len() - reader.left()));
                })*
                let _ = (command, &mut reader);
                None
            }

            fn applies(&self, event: &str) -> bool {
                [$(<$applied as $crate::avro::Record>::NAME),*].contains(&event)
            }

            fn handle(
                &self, command: &str, payload: &[u8], state: Option<&[u8]>, context: &$crate::Context,
            ) -> Result<Vec<$crate::Encoded>, $crate::Failure> {
                use $crate::avro::Record;
                let state = state.map(<$state as Record>::decode).transpose().map_err($crate::Failure::undecodable)?;
                $(if command == <$command as Record>::NAME {
                    let command = <$command as Record>::decode(payload).map_err($crate::Failure::undecodable)?;
                    let events = self.0.$handle(command, state.as_ref(), context)?;
                    return Ok(events.into_vec().into_iter().map($crate::Encoded::from).collect());
                })*
                Err($crate::Failure::unknown("command", command))
            }

            fn apply(
                &self, event: &str, payload: &[u8], state: Option<&[u8]>, context: &$crate::ApplyContext,
            ) -> Result<Option<Vec<u8>>, $crate::Failure> {
                use $crate::avro::Record;
                let state = state.map(<$state as Record>::decode).transpose().map_err($crate::Failure::undecodable)?;
                $(if event == <$applied as Record>::NAME {
                    let event = <$applied as Record>::decode(payload).map_err($crate::Failure::undecodable)?;
                    return Ok(self.0.$apply(event, state, context).map(|state| state.encode()));
                })*
                let _ = (payload, state, context);
                Err($crate::Failure::unknown("event", event))
            }
        }
    };
}
