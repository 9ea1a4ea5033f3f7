//! The template `typescript`: the bank's account on the TypeScript SDK. Until the SDK can be had from npm, the project
//! brings its own copy in `vendor/evento-sdk/`, which the compiler builds with the project.

use super::File;

/// Files of the SDK as a project needs them: without tests, probe and cross-check.
macro_rules! sdk {
    ($($name:literal)*) => {
        &[
            file!(
                "vendor/evento-sdk/tsconfig.json",
                "../../../../sdk/typescript/tsconfig.json",
                &[("[\"src\", \"test\", \"probe\", \"crosscheck\"]", "[\"src\"]")],
                false
            ),
            file!("vendor/evento-sdk/package.json", "../../../../sdk/typescript/package.json"),
            $(file!(concat!("vendor/evento-sdk/src/", $name), concat!("../../../../sdk/typescript/src/", $name))),*
        ]
    };
}

/// What is the project's own.
pub(super) const OWN: &[File] = &[
    file!("resources/account.yaml", "../../../../examples/bank/resources/account.yaml"),
    file!("resources/function.yaml", "../../../../examples/bank-typescript/resources/function.yaml"),
    file!("src/accounts.ts", "../../../../examples/bank-typescript/src/accounts.ts"),
    file!("src/accounts.test.ts", "../../../../examples/bank-typescript/src/accounts.test.ts"),
    file!("src/main.ts", "../../../../examples/bank-typescript/src/main.ts"),
    file!("src/generated/bank.ts", "../../../../examples/bank-typescript/src/generated/bank.ts"),
    file!(
        "tsconfig.json",
        "../../../../examples/bank-typescript/tsconfig.json",
        &[("../../sdk/typescript", "vendor/evento-sdk")],
        false
    ),
    file!("package.json", "../../templates/typescript/package.json"),
    file!("package-lock.json", "../../templates/typescript/package-lock.json"),
    file!("run-function", "../../templates/typescript/run-function", &[], true),
    file!("evento.toml", "../../templates/python/evento.toml"),
    file!("README.md", "../../templates/typescript/README.md"),
    file!(".gitignore", "../../templates/typescript/gitignore"),
];

/// The copy of the SDK.
pub(super) const SDK: &[File] = sdk! {
    "avro/collections.ts"
    "avro/errors.ts"
    "avro/logical.ts"
    "avro/reader.ts"
    "avro/writer.ts"
    "context.ts"
    "endpoints.ts"
    "entity.ts"
    "failure.ts"
    "fetch.ts"
    "fold.ts"
    "freeze.ts"
    "http/connection.ts"
    "http/identity.ts"
    "http/parser.ts"
    "http/server.ts"
    "index.ts"
    "log.ts"
    "manifest.ts"
    "random.ts"
    "run.ts"
    "runtime.ts"
    "testing.ts"
    "values/decimal.ts"
    "values/local-date.ts"
    "values/timestamp.ts"
};

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    fn walk(folder: &Path, files: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() { walk(&path, files) } else { files.push(path) }
        }
    }

    #[test]
    fn the_copy_of_the_sdk_has_all_its_files() {
        let sdk = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../sdk/typescript");
        let mut files = Vec::new();
        walk(&sdk.join("src"), &mut files);
        let name = |path: &PathBuf| format!("vendor/evento-sdk/{}", path.strip_prefix(&sdk).expect("below").display());
        let mut wanted: Vec<String> = files.iter().map(name).collect();
        let in_src = |path: &&str| path.starts_with("vendor/evento-sdk/src/");
        let mut there: Vec<&str> = super::SDK.iter().map(|file| file.path).filter(in_src).collect();
        there.sort_unstable();
        wanted.sort_unstable();
        assert_eq!(there, wanted);
    }
}
