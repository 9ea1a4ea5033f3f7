//! The component form: a world with one export, `run: func(request: list<u8>) -> list<u8>` (function-protocol 12.2).

use bytes::Bytes;
use wasmtime::component::{Component, ComponentExportIndex, Func, InstancePre, Linker, TypedFunc};
use wasmtime::{Engine, Result, Store};

use crate::cage::Cage;
use crate::failure::{BODY_BYTES_MAX, too_large};
use crate::function::CallError;
use crate::load::Refusal;
use crate::module::imports_refused;

/// Bytes of a component, copied: once a call has returned, its memory is the component's again. Bound: its memory.
type Said = (Vec<u8>,);

/// A compiled component, ready to be instantiated.
pub(crate) struct ComponentForm {
    pre: InstancePre<Cage>,
    run: ComponentExportIndex,
    /// `manifest: func() -> list<u8>`, for a function that has no section for it.
    manifest: Option<ComponentExportIndex>,
}

/// An instance of it.
pub(crate) struct ComponentInstance {
    store: Store<Cage>,
    /// Untyped: its type would hold the life of the request.
    run: Func,
    manifest: Option<TypedFunc<(), Said>>,
}

impl ComponentForm {
    /// Checks what a component imports and exports, and links it.
    pub(crate) fn new(engine: &Engine, component: &Component) -> Result<ComponentForm, Refusal> {
        let imports: Vec<String> =
            component.component_type().imports(engine).map(|(name, _)| name.to_owned()).collect();
        if !imports.is_empty() {
            return Err(imports_refused("the component", &imports));
        }
        let refused = |what: String| {
            let next = "the world of a function exports run: func(request: list<u8>) -> list<u8>".to_owned();
            Refusal::new(2306, what, Some(next))
        };
        let run = component
            .get_export_index(None, "run")
            .ok_or_else(|| refused("the component does not export run".to_owned()))?;
        let pre = Linker::new(engine)
            .instantiate_pre(component)
            .map_err(|error| refused(format!("the component cannot be linked: {error:#}")))?;
        Ok(ComponentForm { pre, run, manifest: component.get_export_index(None, "manifest") })
    }

    /// An instance that has run nothing but its own start.
    pub(crate) fn instantiate(&self, mut store: Store<Cage>) -> Result<ComponentInstance> {
        let instance = self.pre.instantiate(&mut store)?;
        let run = instance.get_func(&mut store, self.run);
        let run = run.ok_or_else(|| wasmtime::Error::msg("the export run is no function"))?;
        run.typed::<(&[u8],), Said>(&store)
            .map_err(|error| error.context("the export run is not func(list<u8>) -> list<u8>"))?;
        let manifest = self.manifest.as_ref().map(|export| instance.get_typed_func(&mut store, export)).transpose()?;
        Ok(ComponentInstance { store, run, manifest })
    }
}

impl ComponentInstance {
    /// Instructs the clock: the call ends after so many ticks.
    pub(crate) fn deadline(&mut self, ticks: u64) {
        self.store.set_epoch_deadline(ticks);
    }

    /// One request, one answer.
    pub(crate) fn call(&mut self, request: &[u8]) -> Result<Bytes, CallError> {
        let run = self.run.typed::<(&[u8],), Said>(&self.store)?;
        let (answer,) = run.call(&mut self.store, (request,))?;
        if answer.len() > BODY_BYTES_MAX {
            return Err(CallError::Judged(too_large(answer.len())));
        }
        Ok(answer.into())
    }

    /// What it says of itself, if it has an export for that.
    pub(crate) fn manifest(&mut self, bytes_max: usize) -> Result<Option<Vec<u8>>, CallError> {
        let Some(manifest) = &self.manifest else { return Ok(None) };
        let (mut said,) = manifest.call(&mut self.store, ())?;
        said.truncate(bytes_max + 1);
        Ok(Some(said))
    }
}
