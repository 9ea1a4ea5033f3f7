//! Templates of `evento init`, compiled in. What the repository's examples show is taken from there, so that there is
//! one source of it; what only a project of its own needs lies in `templates/`.

/// A project to begin with.
pub struct Template {
    /// Its name.
    pub name: &'static str,
    /// What it is, in one line.
    pub about: &'static str,
    /// A first command to send.
    pub first_command: &'static str,
    /// Its files, in groups that templates share.
    files: &'static [&'static [File]],
}

/// One file of a template.
struct File {
    path: &'static str,
    text: &'static str,
    /// Pairs of what stands in the example and what stands in a project of its own.
    changes: &'static [(&'static str, &'static str)],
    is_program: bool,
}

/// A file as it is written.
#[derive(Debug, PartialEq, Eq)]
pub struct Written {
    /// Its path within the project.
    pub path: &'static str,
    /// Its text.
    pub text: String,
    /// Whether it is started as a program.
    pub is_program: bool,
}

/// Every template there is; the first is the default.
pub const TEMPLATES: &[Template] = &[
    Template {
        name: "python",
        about: "a bank account in Python on the SDK",
        first_command: "evento send account/alice OpenAccount owner=Ada",
        files: &[python::OWN, BANK_SCHEMAS, python::SDK],
    },
    Template {
        name: "python-plain",
        about: "a bank account in Python by hand: Flask and fastavro",
        first_command: "evento send account/alice OpenAccount owner=Ada",
        files: &[PYTHON_PLAIN, BANK_SCHEMAS],
    },
    Template {
        name: "python-order",
        about: "an order in Python by hand, as in the tutorial",
        first_command: "evento send order/o-1 PlaceOrder customer=Ada item=lamp price=4900",
        files: &[PYTHON_ORDER],
    },
    Template {
        name: "go",
        about: "a bank account in Go on the SDK",
        first_command: "evento send account/alice OpenAccount owner=Ada",
        files: &[go::OWN, BANK_SCHEMAS, go::SDK],
    },
    Template {
        name: "typescript",
        about: "a bank account in TypeScript on the SDK",
        first_command: "evento send account/alice OpenAccount owner=Ada",
        files: &[typescript::OWN, BANK_SCHEMAS, typescript::SDK],
    },
    Template {
        name: "java",
        about: "a bank account in Java on the SDK",
        first_command: "evento send account/alice OpenAccount owner=Ada",
        files: &[java::OWN, BANK_SCHEMAS, java::GENERATED, java::SDK],
    },
    Template {
        name: "rust",
        about: "a bank account in Rust with generated types",
        first_command: "evento send account/alice OpenAccount owner=Ada",
        files: &[RUST],
    },
];

macro_rules! schema {
    ($name:literal) => {
        schema!("bank", $name)
    };
    ($example:literal, $name:literal) => {
        File {
            path: concat!("schemas/", $name, ".avsc"),
            text: include_str!(concat!("../../../examples/", $example, "/schemas/", $name, ".avsc")),
            changes: &[],
            is_program: false,
        }
    };
}

macro_rules! file {
    ($path:expr, $source:expr) => {
        file!($path, $source, &[], false)
    };
    ($path:expr, $source:expr, $changes:expr, $is_program:literal) => {
        File { path: $path, text: include_str!($source), changes: $changes, is_program: $is_program }
    };
}

mod go;
mod java;
mod python;
mod typescript;

/// The bank's schemas, which several templates share.
const BANK_SCHEMAS: &[File] = &[
    schema!("Account"),
    schema!("AccountClosed"),
    schema!("AccountClosingRejected"),
    schema!("AccountOpened"),
    schema!("AccountOpeningRejected"),
    schema!("CashWithdrawn"),
    schema!("CloseAccount"),
    schema!("DepositReceived"),
    schema!("DepositRejected"),
    schema!("OpenAccount"),
    schema!("ReceiveDeposit"),
    schema!("TransferOut"),
    schema!("TransferRejected"),
    schema!("TransferSent"),
    schema!("WithdrawCash"),
    schema!("WithdrawalRejected"),
];

const PYTHON_PLAIN: &[File] = &[
    file!("resources/account.yaml", "../../../examples/bank/resources/account.yaml"),
    file!("resources/function.yaml", "../../../examples/bank-python/resources/function.yaml"),
    file!(
        "accounts.py",
        "../../../examples/bank-python/accounts.py",
        &[(".parent.parent / \"bank\" / \"schemas\"", ".parent / \"schemas\"")],
        false
    ),
    file!(
        "run-function",
        "../../../examples/bank-python/run-function",
        &[("environment=\"${EVENTO_CACHE:-$HOME/.cache/evento}/bank-python\"", "environment=\"$PWD/.venv\"")],
        true
    ),
    file!("requirements.txt", "../../../examples/bank-python/requirements.txt"),
    file!("test_accounts.py", "../templates/python-plain/test_accounts.py"),
    file!("evento.toml", "../templates/python/evento.toml"),
    file!("README.md", "../templates/python-plain/README.md"),
    file!(".gitignore", "../templates/python/gitignore"),
];

const PYTHON_ORDER: &[File] = &[
    file!("resources/order.yaml", "../../../examples/order-python/resources/order.yaml"),
    file!("resources/function.yaml", "../../../examples/order-python/resources/function.yaml"),
    schema!("order-python", "CancelOrder"),
    schema!("order-python", "Order"),
    schema!("order-python", "OrderCancelled"),
    schema!("order-python", "OrderPaid"),
    schema!("order-python", "OrderPlaced"),
    schema!("order-python", "OrderRefused"),
    schema!("order-python", "OrderShipped"),
    schema!("order-python", "PayOrder"),
    schema!("order-python", "PlaceOrder"),
    schema!("order-python", "ShipOrder"),
    file!("orders.py", "../../../examples/order-python/orders.py"),
    file!(
        "run-function",
        "../../../examples/order-python/run-function",
        &[("environment=\"${EVENTO_CACHE:-$HOME/.cache/evento}/order-python\"", "environment=\"$PWD/.venv\"")],
        true
    ),
    file!("requirements.txt", "../../../examples/order-python/requirements.txt"),
    file!("test_orders.py", "../templates/python-order/test_orders.py"),
    file!("evento.toml", "../templates/python/evento.toml"),
    file!("README.md", "../templates/python-order/README.md"),
    file!(".gitignore", "../templates/python/gitignore"),
];

const RUST: &[File] = &[
    file!("resources/account.yaml", "../../../examples/bank/resources/account.yaml"),
    file!("resources/function.yaml", "../templates/rust/function.yaml"),
    schema!("Account"),
    schema!("AccountClosed"),
    schema!("AccountClosingRejected"),
    schema!("AccountOpened"),
    schema!("AccountOpeningRejected"),
    schema!("CashWithdrawn"),
    schema!("CloseAccount"),
    schema!("DepositReceived"),
    schema!("DepositRejected"),
    schema!("OpenAccount"),
    schema!("ReceiveDeposit"),
    schema!("TransferOut"),
    schema!("TransferRejected"),
    schema!("TransferSent"),
    schema!("WithdrawCash"),
    schema!("WithdrawalRejected"),
    file!("Cargo.toml", "../templates/rust/cargo.toml"),
    file!(
        "src/lib.rs",
        "../../../examples/bank/function/src/lib.rs",
        &[
            ("`../schemas` and `../resources`", "`schemas` and `resources`"),
            (" --resources ../resources", ""),
            ("evento_sdk::export!(AccountHost(Accounts));\n\n", "")
        ],
        false
    ),
    file!(
        "src/main.rs",
        "../../../examples/bank/function/src/main.rs",
        &[("use bank_function::", "use accounts::"), ("is in `account`", "is in the library")],
        false
    ),
    file!("src/bank/mod.rs", "../../../examples/bank/function/src/bank/mod.rs"),
    file!("src/bank/account.rs", "../../../examples/bank/function/src/bank/account.rs"),
    file!("src/bank/types.rs", "../../../examples/bank/function/src/bank/types.rs"),
    file!("run-function", "../templates/rust/run-function", &[], true),
    file!("evento.toml", "../templates/python/evento.toml"),
    file!("README.md", "../templates/rust/README.md"),
    file!(".gitignore", "../templates/rust/gitignore"),
];

impl Template {
    /// The template of this name.
    pub fn find(name: &str) -> Option<&'static Template> {
        TEMPLATES.iter().find(|template| template.name == name)
    }

    /// Its files for a project of this name.
    pub fn files(&self, project: &str) -> Vec<Written> {
        let written = self.files.iter().copied().flatten().map(|file| {
            let mut text = file.text.replace("{{name}}", project);
            for (example, own) in file.changes {
                text = text.replace(example, own);
            }
            if file.path.ends_with(".md") {
                text = without_links_outwards(&text);
            }
            Written { path: file.path, text, is_program: file.is_program }
        });
        written.collect()
    }
}

/// A page of Markdown in which links that lead out of its folder are their text alone: the copy of an SDK stands in a
/// project that has nothing of what its page links to in this repository.
fn without_links_outwards(page: &str) -> String {
    let mut out = String::with_capacity(page.len());
    let mut rest = page;
    while let Some(middle) = rest.find("](../") {
        let (before, link) = rest.split_at(middle);
        let (Some(start), Some(end)) = (before.rfind('['), link.find(')')) else { break };
        out.push_str(&before[..start]);
        out.push_str(&before[start + 1..]);
        rest = &link[end + 1..];
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::{Component, Path, PathBuf};

    use evento_schema::registry::{NoUsage, Registry};
    use evento_schema::resource::{SourceFile, attachment_key, parse_set, referenced_files};

    use super::TEMPLATES;

    #[test]
    fn every_change_finds_its_place_in_the_example() {
        for template in TEMPLATES {
            for file in template.files.iter().copied().flatten() {
                for (example, _) in file.changes {
                    assert!(file.text.contains(example), "{}: {example:?} is gone from {}", template.name, file.path);
                }
            }
        }
    }

    #[test]
    fn a_link_that_leads_outwards_is_its_text() {
        let page = "The [protocol](../../docs/functions.md), [types](#types), a [site](https://example.org) and [a `b`](../c).";
        let plain = "The protocol, [types](#types), a [site](https://example.org) and a `b`.";
        assert_eq!(super::without_links_outwards(page), plain);
        assert_eq!(super::without_links_outwards("](../ and no link"), "](../ and no link");
    }

    /// Where a link of a page leads, from the folder of the project.
    fn target(page: &str, link: &str) -> PathBuf {
        let mut found = PathBuf::new();
        for part in Path::new(page).parent().expect("a file").join(link).components() {
            match part {
                Component::ParentDir if found.pop() => {}
                part => found.push(part),
            }
        }
        found
    }

    #[test]
    fn no_link_of_a_page_leads_nowhere() {
        for template in TEMPLATES {
            let files = template.files("bank");
            for page in files.iter().filter(|file| file.path.ends_with(".md")) {
                for rest in page.text.split("](").skip(1) {
                    let link = rest.split([')', '#']).next().unwrap_or_default();
                    let inside = !link.is_empty() && !link.contains("://");
                    let there = || files.iter().any(|file| Path::new(file.path) == target(page.path, link));
                    assert!(!inside || there(), "{}: {} links to {link}", template.name, page.path);
                }
            }
        }
    }

    #[test]
    fn a_project_stands_alone() {
        for template in TEMPLATES {
            let files = template.files("bank");
            let text_of = |path: &str| files.iter().find(|file| file.path == path).map(|file| file.text.clone());
            let mut sources = Vec::new();
            let mut attachments = BTreeMap::new();
            for file in files.iter().filter(|file| file.path.starts_with("resources/")) {
                let source = SourceFile { path: file.path.into(), folder: None, text: file.text.clone() };
                for written in referenced_files(&source) {
                    let key = attachment_key(file.path, &written);
                    let text = text_of(&key).unwrap_or_else(|| panic!("{} names {key}, which is not there", file.path));
                    attachments.insert(key, text);
                }
                sources.push(source);
            }
            let set = parse_set(&sources, &attachments).expect("the documents are fine");
            let change = Registry::default().plan(&set, &NoUsage).expect("the set is fine");
            assert!(change.warnings.is_empty(), "{:?}", change.warnings);
            assert!(set.resources.len() > 3, "{}", template.name);
            assert!(files.iter().all(|file| !file.text.contains("{{")), "a place holder is left");
        }
    }
}
