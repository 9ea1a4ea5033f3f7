//! The template `python`: the bank's account on the Python SDK. Until the SDK can be had from PyPI, the project brings
//! its own copy in `vendor/evento/`; it needs no other package, so nothing is installed and no network is needed.

use super::File;

/// Files of the SDK as a project needs them: the package, without tests and probe.
macro_rules! sdk {
    ($($name:literal)*) => {
        &[$(file!(concat!("vendor/evento/", $name), concat!("../../../../sdk/python/evento/", $name))),*]
    };
}

/// What is the project's own.
pub(super) const OWN: &[File] = &[
    file!("resources/account.yaml", "../../../../examples/bank/resources/account.yaml"),
    file!(
        "resources/function.yaml",
        "../../../../examples/bank-python-typed/resources/function.yaml",
        &[
            (
                "# The same account, decided in Python on the SDK: one process for all commands and events.",
                "# Who decides and evolves: one Python process for all commands and events of the account."
            ),
            ("[accounts.py, bank, ../../sdk/python/evento]", "[accounts.py, bank, vendor]"),
        ],
        false
    ),
    file!("accounts.py", "../../../../examples/bank-python-typed/accounts.py"),
    file!("test_accounts.py", "../../../../examples/bank-python-typed/test_accounts.py"),
    file!("bank/__init__.py", "../../../../examples/bank-python-typed/bank/__init__.py"),
    file!("run-function", "../../templates/python/run-function", &[], true),
    file!("run-tests", "../../templates/python/run-tests", &[], true),
    file!("pyproject.toml", "../../templates/python/pyproject.toml"),
    file!("evento.toml", "../../templates/python/evento.toml"),
    file!("README.md", "../../templates/python/README.md"),
    file!(".gitignore", "../../templates/python/gitignore"),
];

/// The copy of the SDK.
pub(super) const SDK: &[File] = sdk! {
    "__init__.py"
    "__main__.py"
    "avro.py"
    "calls.py"
    "codec.py"
    "context.py"
    "contract.py"
    "diagnose.py"
    "failure.py"
    "function.py"
    "host.py"
    "http1.py"
    "identity.py"
    "logical.py"
    "logs.py"
    "model.py"
    "plain.py"
    "py.typed"
    "run.py"
    "server.py"
    "sockets.py"
    "testing.py"
    "version.py"
    "web.py"
};

#[cfg(test)]
mod tests {
    use std::path::Path;

    #[test]
    fn the_copy_of_the_sdk_has_all_its_files() {
        let sdk = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../sdk/python/evento");
        let names = std::fs::read_dir(sdk).expect("the SDK").map(|entry| entry.expect("an entry").file_name());
        let names = names.map(|name| name.into_string().expect("a name"));
        let mut wanted: Vec<String> = names
            .filter(|name| name.contains(".py") || name == "py.typed")
            .map(|n| format!("vendor/evento/{n}"))
            .collect();
        let mut there: Vec<&str> = super::SDK.iter().map(|file| file.path).collect();
        there.sort_unstable();
        wanted.sort_unstable();
        assert_eq!(there, wanted);
    }
}
