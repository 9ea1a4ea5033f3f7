//! The template `go`: the bank's account on the Go SDK. Until the SDK can be had from the Go module proxy, the project
//! brings its own copy in `evento-sdk-go/`, which `go.mod` names; it works without a network.

use super::File;

/// Files of the SDK as a project needs them: without tests, probe and cross-check.
macro_rules! sdk {
    ($($name:literal)*) => {
        &[$(file!(concat!("evento-sdk-go/", $name), concat!("../../../../sdk/go/", $name))),*]
    };
}

/// What is the project's own.
pub(super) const OWN: &[File] = &[
    file!("resources/account.yaml", "../../../../examples/bank/resources/account.yaml"),
    file!("resources/function.yaml", "../../../../examples/bank-go/resources/function.yaml"),
    file!("accounts.go", "../../../../examples/bank-go/accounts.go"),
    file!("accounts_test.go", "../../../../examples/bank-go/accounts_test.go"),
    file!("main.go", "../../../../examples/bank-go/main.go"),
    file!("bank/account_function.go", "../../../../examples/bank-go/bank/account_function.go"),
    file!("bank/types.go", "../../../../examples/bank-go/bank/types.go"),
    file!("go.mod", "../../../../examples/bank-go/go.mod", &[("=> ../../sdk/go", "=> ./evento-sdk-go")], false),
    file!(
        "run-function",
        "../../../../examples/bank-go/run-function",
        &[("program=\"${EVENTO_CACHE:-$HOME/.cache/evento}/bank-go/accounts\"", "program=\"$PWD/.build/accounts\"")],
        true
    ),
    file!("evento.toml", "../../templates/python/evento.toml"),
    file!("README.md", "../../templates/go/README.md"),
    file!(".gitignore", "../../templates/go/gitignore"),
];

/// The copy of the SDK.
pub(super) const SDK: &[File] = sdk! {
    "README.md"
    "bytes.go"
    "context.go"
    "decimal.go"
    "doc.go"
    "envelope.go"
    "eventotest/eventotest.go"
    "eventotest/values.go"
    "failure.go"
    "fold.go"
    "function.go"
    "go.mod"
    "http.go"
    "identity.go"
    "logical.go"
    "manifest.go"
    "plain.go"
    "random.go"
    "reader.go"
    "record.go"
    "server.go"
    "writer.go"
};

#[cfg(test)]
mod tests {
    use std::path::Path;

    #[test]
    fn the_copy_of_the_sdk_has_all_its_files() {
        let sdk = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../sdk/go");
        let mut wanted = vec!["evento-sdk-go/README.md".to_owned(), "evento-sdk-go/go.mod".to_owned()];
        for folder in ["", "eventotest/"] {
            for entry in std::fs::read_dir(sdk.join(folder)).expect("the SDK") {
                let name = entry.expect("an entry").file_name().into_string().expect("a name");
                if name.ends_with(".go") && !name.ends_with("_test.go") {
                    wanted.push(format!("evento-sdk-go/{folder}{name}"));
                }
            }
        }
        let mut there: Vec<&str> = super::SDK.iter().map(|file| file.path).collect();
        there.sort_unstable();
        wanted.sort_unstable();
        assert_eq!(there, wanted);
    }
}
