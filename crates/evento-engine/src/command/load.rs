//! Stage 2: the instance's state comes from the cache, or is looked up once.

use evento_log::view::StoredState;
use evento_model::{Code, CommandId};

use crate::command::Loading;
use crate::engine::Engine;
use crate::input::Looked;
use crate::instance::{Current, InstanceNo, Phase};
use crate::{Effect, LoadNo};

impl Engine {
    /// Asks for the state, unless that is on its way.
    pub(crate) fn load(&mut self, no: InstanceNo) {
        let busy = self.table.get_mut(no).busy();
        busy.phase = Phase::Loading;
        if busy.loads == 0 {
            self.look_up(no, None);
        }
    }

    /// Asks the log for the state and, if named, for the outcome under a command id.
    pub(crate) fn look_up(&mut self, no: InstanceNo, command: Option<CommandId>) {
        let load = LoadNo(self.number());
        let instance = self.table.get_mut(no);
        let key = instance.key.clone();
        instance.busy().loads += 1;
        self.loads.insert(load, Loading { instance: no, command: command.clone() });
        self.effects.push(Effect::Load { load, key, command });
    }

    pub(crate) fn loaded(&mut self, load: LoadNo, looked: Result<Looked, Code>) {
        let Some(Loading { instance: no, command }) = self.loads.remove(&load) else { return };
        let looked = match looked {
            Ok(looked) => looked,
            Err(code) => return self.log_failed(code),
        };
        let instance = self.table.get_mut(no);
        instance.busy().loads -= 1;
        if !instance.loaded {
            instance.current = looked.state.map_or_else(Current::new, current_of);
            instance.loaded = true;
        }
        let busy = instance.busy();
        if busy.phase == Phase::Loading {
            busy.phase = Phase::Idle;
        }
        if let Some(id) = command {
            self.checked(no, &id, looked.done);
        }
        self.advance(no);
        self.persist_wished(no);
    }
}

fn current_of(stored: StoredState) -> Current {
    let StoredState { seq, state, schema, digest, updated_at, revision } = stored;
    Current { seq, state, digest, schema, updated_at, revision }
}
