//! Where a walk stands, kept on the stack and rendered only when something is wrong.

/// One step of a walk with the way back to its start.
#[derive(Clone, Copy)]
pub(super) struct Trail<'a> {
    parent: Option<&'a Trail<'a>>,
    step: Step<'a>,
}

#[derive(Clone, Copy)]
pub(super) enum Step<'a> {
    /// The start, with the name of the type there.
    Root(&'a str),
    /// A record field or a map key.
    Name(&'a str),
    /// An item of an array.
    Index(usize),
    /// Any item of an array.
    Items,
    /// Any value of a map.
    Values,
}

impl<'a> Trail<'a> {
    pub(super) fn root(name: &'a str) -> Trail<'a> {
        Trail { parent: None, step: Step::Root(name) }
    }

    pub(super) fn then(&'a self, step: Step<'a>) -> Trail<'a> {
        Trail { parent: Some(self), step }
    }

    /// As `bank.Account.lines[].amount`.
    pub(super) fn path(&self) -> String {
        let mut text = self.parent.map(Trail::path).unwrap_or_default();
        match self.step {
            Step::Root(name) => text.push_str(name),
            Step::Name(name) => {
                if !text.is_empty() {
                    text.push('.');
                }
                text.push_str(name);
            }
            Step::Index(index) => text.push_str(&format!("[{index}]")),
            Step::Items => text.push_str("[]"),
            Step::Values => text.push_str("{}"),
        }
        text
    }

    /// As a JSON pointer, RFC 6901.
    pub(super) fn pointer(&self) -> String {
        let mut text = self.parent.map(Trail::pointer).unwrap_or_default();
        match self.step {
            Step::Root(_) => {}
            Step::Name(name) => {
                text.push('/');
                text.push_str(&name.replace('~', "~0").replace('/', "~1"));
            }
            Step::Index(index) => text.push_str(&format!("/{index}")),
            Step::Items | Step::Values => text.push_str("/*"),
        }
        text
    }
}
